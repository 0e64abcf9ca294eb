"""What many tests need: databases on both kinds of server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import delete

from soundmill.adapters.database import Database, upgrade
from soundmill.adapters.database.schema import metadata
from tests.servers import S3Server, postgresql, s3_server

# Speed is no property of what is tested here, and a machine may be slow.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: what breaks fleets and workers waits half of its time."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_postgresql_url(postgresql_url: str) -> str:
    migrate(postgresql_url)
    return postgresql_url


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be copied."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    migrate(f"sqlite:///{path}")
    return path


def migrate(url: str) -> None:
    database = Database(url)
    upgrade(database)
    database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated database, once on each kind."""
    if request.param == "sqlite":
        file = shutil.copy(request.getfixturevalue("migrated_sqlite_file"), tmp_path / "test.db")
        made = Database(f"sqlite:///{file}")
    else:
        made = Database(request.getfixturevalue("migrated_postgresql_url"))
    yield made
    with made.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    made.dispose()
