"""The migrations make what the code expects."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from soundmill.adapters.database import Database, upgrade
from soundmill.adapters.database.schema import metadata


def test_the_migrated_tables_are_those_of_the_code(database: Database) -> None:
    with database.reading() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
        if database.is_sqlite:
            # SQLAlchemy doesn't read what a key that was added with its column does on deletion: SQLite says it itself.
            found = [each for each in found if each[0] not in ("add_fk", "remove_fk")]
            assert keys_of(connection) == {
                (key.parent.table.name, key.parent.name, key.target_fullname, key.ondelete or "NO ACTION")
                for table in metadata.tables.values()
                for key in table.foreign_keys
            }
        assert found == []


def keys_of(connection: Connection) -> set[tuple[str, str, str, str]]:
    query = """
        SELECT tables.name AS "table", keys."from", keys."table" || '.' || keys."to" AS target, keys.on_delete
        FROM sqlite_schema AS tables JOIN pragma_foreign_key_list(tables.name) AS keys WHERE tables.type = 'table'
    """
    return {(row[0], row[1], row[2], row[3]) for row in connection.execute(text(query))}


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
