"""Bring a database's schema up to date. Alembic is loaded by who does so only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import ProgrammingError

from soundmill.adapters.database.connection import Database
from soundmill.model.errors import ConfigurationError

if TYPE_CHECKING:
    from alembic.config import Config

_MAY_NOT = "42501"  # PostgreSQL's “insufficient_privilege”

_log = structlog.get_logger()


def upgrade(database: Database) -> bool:
    """Apply the migrations that are missing, in one transaction. Several may call it at once.

    False where a newer version has migrated it. It is left as it is then: migrations only add, so that the version before goes on with
    it, and may be started again, during a rolling restart.

    Raises ``Unreachable`` when the database doesn't answer, and ``ConfigurationError`` when it lets us make no tables.
    """
    try:
        return _upgrade(database)
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _MAY_NOT:
            raise
        # Since PostgreSQL 15 nobody but the owner of a database makes tables in it unasked.
        raise ConfigurationError(
            f"The database doesn't let its user make tables ({str(error.orig).partition(chr(10))[0]}): make that user the owner of the database and of all in it."
        ) from error


def _upgrade(database: Database) -> bool:
    from alembic import command
    from alembic.config import Config

    with database.writing() as connection:
        database.lock(connection, "soundmill migrations")
        config = Config()
        config.set_main_option("script_location", "soundmill.adapters.database:migrations")
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        if _is_of_a_newer_version(connection, config):
            _log.warning("the database was migrated by a newer version")
            return False
        command.upgrade(config, "head")
        return True


def _is_of_a_newer_version(connection: Connection, config: Config) -> bool:
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
    present = MigrationContext.configure(connection).get_current_revision()
    return present is not None and present not in known
