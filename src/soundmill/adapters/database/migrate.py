"""Bring a database's schema up to date."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from soundmill.adapters.database.connection import Database
from soundmill.model.errors import Unreachable

# Any number that other programs in the same database are unlikely to use.
_ADVISORY_LOCK = 0x736F756E64


def upgrade(database: Database) -> None:
    """Apply the migrations that are missing, in one transaction. Several may call it at once.

    Raises ``Unreachable`` when the database doesn't answer.
    """
    try:
        _upgrade(database)
    except OperationalError as error:
        raise Unreachable(f"The database doesn't answer: {error.orig}") from error


def _upgrade(database: Database) -> None:
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        config = Config()
        config.set_main_option("script_location", "soundmill.adapters.database:migrations")
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
