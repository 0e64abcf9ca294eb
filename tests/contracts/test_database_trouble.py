"""A database that can't be worked with says so in words that help, and nothing ends in a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, make_url, text

from soundmill.adapters.database import Database, DatabaseTasks, upgrade
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
    with server.connect() as connection:
        for statement in ("CREATE USER tenant", "CREATE DATABASE leased"):
            connection.execute(text(statement))
        told = upgraded(
            make_url(postgresql_url).set(username="tenant", database="leased").render_as_string(hide_password=False)
        )
        for statement in ("DROP DATABASE leased WITH (FORCE)", "DROP USER tenant"):
            connection.execute(text(statement))
    server.dispose()
    assert (told.returncode, "owner of the database" in told.stderr, told.stderr.count("\n")) == (2, True, 1)
