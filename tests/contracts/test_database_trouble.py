"""A database that can't be worked with says so in words that help, and nothing ends in a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from soundmill.adapters.database import Database, DatabaseTasks, DatabaseUsage, sqlite_url, upgrade
from soundmill.adapters.database.usage import charge, lock_account
from soundmill.model.errors import Unreachable
from tests.builders import account, submitted


@pytest.fixture
def standby(postgresql_url: str) -> Iterator[Database]:
    """The same rows, with a server that takes no changes, as after a failover."""
    made = Database(make_url(postgresql_url).update_query_dict({"options": "-c default_transaction_read_only=on"}))
    yield made
    made.dispose()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_standby_is_told_from_a_database_that_works(database: Database, standby: Database) -> None:
    owner = account(database)
    database.check()
    for refused in (standby.check, lambda: submitted(DatabaseTasks(standby, queue_cap=9), owner, "mp3")):
        with pytest.raises(Unreachable, match="takes no changes"):
            refused()
    upgrade(standby)  # an API that starts meanwhile has nothing to change


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_transaction_that_rests_lets_others_at_its_account(database: Database, postgresql_url: str) -> None:
    """As that of an API or a janitor that was stopped or cut off in its middle: nothing of it is kept, and it is told so."""
    owner = account(database)
    stopped = Database(postgresql_url, rest=timedelta(milliseconds=100))

    def rest_while_others_submit() -> None:
        with stopped.writing() as connection:
            lock_account(connection, owner)
            charge(connection, owner, 5)
            submitted(DatabaseTasks(database, queue_cap=9), owner, "mp3")

    with pytest.raises(Unreachable):
        rest_while_others_submit()
    stopped.check()  # with another connection
    stopped.dispose()
    assert DatabaseUsage(database).recount() == 0


def upgraded(url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "soundmill", "db", "upgrade"]
    environment = {**os.environ, "SOUNDMILL_DATABASE_URL": url}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "url", ["postgres://ann:hidden@db/sound", "postgresql+psycopg2://ann:hidden@db/sound", "ann:hidden", "mysql://db/x"]
)
def test_an_address_that_is_none_is_told_and_not_shown(url: str) -> None:
    told = upgraded(url)
    assert (told.returncode, "SOUNDMILL_DATABASE_URL" in told.stderr, "hidden" in told.stdout + told.stderr) == (
        2,
        True,
        False,
    )
    assert told.stderr.count("\n") == 1


def test_why_the_database_does_not_answer_is_told(postgresql_url: str) -> None:
    told = upgraded(make_url(postgresql_url).set(database="missing").render_as_string(hide_password=False))
    assert (told.returncode, 'database "missing" does not exist' in told.stderr) == (1, True)
    assert told.stderr.count("\n") == 1


def test_a_user_who_may_make_no_tables_is_told(postgresql_url: str) -> None:
    """As everybody but the database's owner, since PostgreSQL 15."""
    server = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    url = make_url(postgresql_url).set(username="tenant", database="leased").render_as_string(hide_password=False)
    with ExitStack() as afterwards:
        afterwards.callback(server.dispose)
        connection = afterwards.enter_context(server.connect())
        for made in ("USER tenant", "DATABASE leased"):
            connection.execute(text(f"CREATE {made}"))
            afterwards.callback(connection.execute, text(f"DROP {made}"))
        told = upgraded(url)
    assert (told.returncode, "owner of the database" in told.stderr, told.stderr.count("\n")) == (2, True, 1)


def test_a_file_system_that_is_none_for_sqlite_is_told(tmp_path: Path) -> None:
    path = tmp_path / "soundmill.db"
    os.mkfifo(tmp_path / "soundmill.db-shm")  # which can't be shared as memory
    with pytest.raises(Unreachable) as told:
        upgrade(Database(sqlite_url(path)))
    assert "SOUNDMILL_DATABASE_URL=sqlite:////" in told.value.detail_for_log
