"""The migrations make what the code expects."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from soundmill.adapters.database import Database, upgrade
from soundmill.adapters.database.schema import metadata


def test_the_migrated_tables_are_those_of_the_code(database: Database) -> None:
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrating_twice_is_harmless(database: Database) -> None:
    upgrade(database)
    database.check()


def test_a_database_of_a_newer_version_is_left_as_it_is(database: Database) -> None:
    present = "SELECT version_num FROM alembic_version"
    with database.writing() as connection:
        ours = connection.execute(text(present)).scalar_one()
        connection.execute(text("UPDATE alembic_version SET version_num = 'newer'"))
    upgrade(database)
    with database.writing() as connection:
        assert connection.execute(text(present)).scalar_one() == "newer"
        connection.execute(text("UPDATE alembic_version SET version_num = :ours"), {"ours": ours})
