"""Accounts, tasks and the task board in SQLite or PostgreSQL."""

from soundmill.adapters.database.accounts import DatabaseAccounts
from soundmill.adapters.database.board import DatabaseBoard
from soundmill.adapters.database.connection import Database, close_to_others, sqlite_url
from soundmill.adapters.database.events import DatabaseEvents
from soundmill.adapters.database.identity import DatabaseIdentity
from soundmill.adapters.database.migrate import upgrade
from soundmill.adapters.database.removal import DatabaseExpiry
from soundmill.adapters.database.seats import DatabaseSeats
from soundmill.adapters.database.tasks import DatabaseTasks
from soundmill.adapters.database.usage import DatabaseUsage
from soundmill.adapters.database.waveforms import DatabaseWaveforms

__all__ = [
    "Database",
    "DatabaseAccounts",
    "DatabaseBoard",
    "DatabaseEvents",
    "DatabaseExpiry",
    "DatabaseIdentity",
    "DatabaseSeats",
    "DatabaseTasks",
    "DatabaseUsage",
    "DatabaseWaveforms",
    "close_to_others",
    "sqlite_url",
    "upgrade",
]
