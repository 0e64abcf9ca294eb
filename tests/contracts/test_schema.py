"""The migrations make what the code expects."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from soundmill.adapters.database import Database, upgrade
from soundmill.adapters.database.schema import metadata


def test_the_migrated_tables_are_those_of_the_code(database: Database) -> None:
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrating_twice_is_harmless(database: Database) -> None:
    upgrade(database)
    database.check()
