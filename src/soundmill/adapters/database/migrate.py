"""Bring a database's schema up to date."""

from __future__ import annotations

from alembic import command
from alembic.config import Config

from soundmill.adapters.database.connection import Database


def upgrade(database: Database) -> None:
    """Apply the migrations that are missing, in one transaction. Several may call it at once.

    Raises ``Unreachable`` when the database doesn't answer.
    """
    with database.writing() as connection:
        database.lock(connection, "soundmill migrations")
        config = Config()
        config.set_main_option("script_location", "soundmill.adapters.database:migrations")
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
