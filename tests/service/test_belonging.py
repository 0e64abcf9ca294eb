"""A storage and a database that don't belong together are never mixed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from soundmill.adapters.database import Database, DatabaseIdentity, upgrade
from soundmill.adapters.storage import DirectoryMark
from soundmill.model.errors import ConfigurationError
from soundmill.service.belonging import Belonging


@pytest.fixture
def belonging(database: Database, tmp_path: Path) -> Belonging:
    (tmp_path / "files").mkdir()
    return Belonging(DatabaseIdentity(database), DirectoryMark(tmp_path / "files"))


def test_a_new_pair_is_joined_for_good(belonging: Belonging) -> None:
    identity = belonging.establish()
    assert belonging.check() == identity
    assert belonging.establish() == identity


def test_nobody_works_before_the_api_has_prepared(belonging: Belonging) -> None:
    with pytest.raises(ConfigurationError, match="API"):
        belonging.check()


def test_an_unmounted_directory_is_noticed(database: Database, tmp_path: Path, belonging: Belonging) -> None:
    belonging.establish()
    (tmp_path / "empty").mkdir()
    unmounted = Belonging(DatabaseIdentity(database), DirectoryMark(tmp_path / "empty"))
    for join in (unmounted.check, unmounted.establish):
        with pytest.raises(ConfigurationError, match="mounted"):
            join()


def test_files_of_another_database_are_noticed(tmp_path: Path, belonging: Belonging) -> None:
    belonging.establish()
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    upgrade(other)
    stranger = Belonging(DatabaseIdentity(other), DirectoryMark(tmp_path / "files"))
    with pytest.raises(ConfigurationError, match="another database"):
        stranger.establish()
    other.dispose()


def test_a_database_without_tables_is_a_new_one(tmp_path: Path) -> None:
    empty = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    assert DatabaseIdentity(empty).get() is None
    empty.dispose()


def test_a_crash_before_the_mark_is_made_good(database: Database, belonging: Belonging) -> None:
    identity, is_marked = DatabaseIdentity(database).choose()
    assert not is_marked
    assert belonging.establish() == identity


def test_a_damaged_mark_is_told(tmp_path: Path, belonging: Belonging) -> None:
    belonging.establish()
    (tmp_path / "files" / "storage-id").write_text("?")
    with pytest.raises(ConfigurationError, match="damaged"):
        belonging.check()


def test_several_at_once_agree(database: Database, tmp_path: Path) -> None:
    def join(number: int) -> str:
        return Belonging(DatabaseIdentity(database), DirectoryMark(tmp_path)).establish()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(join, range(8)))) == 1
