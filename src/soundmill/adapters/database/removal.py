"""How tasks go, with the files that nothing else needs: deleted by their owner, or expired."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, or_, select

from soundmill.adapters.database.clock import from_now
from soundmill.adapters.database.connection import Database
from soundmill.adapters.database.joining import is_joined
from soundmill.adapters.database.schema import files, tasks
from soundmill.adapters.database.usage import charge, lock_account
from soundmill.model.tasks import FINAL


def remove_task(connection: Connection, task: Row[Any]) -> list[str]:
    """Delete a task's row (its account is locked), its result, and its sources when no other task uses them. Gives their keys.

    The bytes are deleted after the commit: a crash between leaves files that the janitor sweeps.
    """
    connection.execute(delete(tasks).where(tasks.c.id == task.id))
    unused = ~exists().where(tasks.c.source_id == task.source_id)
    # Those that follow the first would go with it, but untold: they go before.
    following = (files.c.joined_to == task.source_id) & unused
    own = or_(files.c.id == task.result_id, (files.c.id == task.source_id) & unused)
    gone = [
        row
        for which in ((following, own) if is_joined(task.options) else (own,))
        for row in connection.execute(delete(files).where(which).returning(files.c.key, files.c.size))
    ]
    stored = [row for row in gone if row.key is not None]
    charge(connection, task.account_id, -sum(row.size for row in stored))
    return [row.key for row in stored]


class DatabaseExpiry:
    """Implements :class:`~soundmill.service.ports.Expiry`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def expire(self, older_than: timedelta) -> list[str] | None:
        """See the port."""
        expired = tasks.c.status.in_(FINAL) & (tasks.c.finished_at < from_now(-older_than))
        oldest = select(tasks.c.id, tasks.c.account_id).where(expired).order_by(tasks.c.finished_at).limit(1)
        with self._database.reading() as connection:
            found = connection.execute(oldest).first()
        if found is None:
            return None
        with self._database.writing() as connection:
            lock_account(connection, found.account_id)
            # Looked at again: meanwhile its owner may have asked for more of it, or another janitor have removed it.
            task = connection.execute(select(tasks).where(tasks.c.id == found.id, expired)).first()
            return [] if task is None else remove_task(connection, task)
