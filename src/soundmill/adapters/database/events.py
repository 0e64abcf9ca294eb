"""What ended: an event a task and attempt, written in the transaction that ends it (an outbox)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from sqlalchemy import Connection, Subquery, delete, func, insert, select, union_all

from soundmill.adapters.database.clock import from_now, now
from soundmill.adapters.database.connection import Database
from soundmill.adapters.database.schema import events, tasks
from soundmill.model.tasks import TaskStatus
from soundmill.service.ports import TaskEvent, TaskProgress


def note_final(connection: Connection, account_id: int, task_id: int, attempt: int, status: TaskStatus) -> None:
    """In the transaction that makes the task final, with the account locked: so its events become visible in the order of their ids,
    and who has read one has missed none before it.
    """
    row = {"account_id": account_id, "task_id": task_id, "attempt": attempt, "status": status, "created_at": now()}
    connection.execute(insert(events).values(row))


class DatabaseEvents:
    """Implements :class:`~soundmill.service.ports.EventLog`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, account_id: int) -> int:
        """See the port."""
        newest = select(func.max(events.c.id)).where(events.c.account_id == account_id)
        with self._database.reading() as connection:
            return connection.execute(newest).scalar() or 0

    def after(self, positions: Mapping[int, int], at_most: int) -> list[TaskEvent]:
        """See the port."""
        pages = [select(_page(account_id, position, at_most)) for account_id, position in positions.items()]
        with self._database.reading() as connection:
            found = connection.execute(union_all(*pages)).all() if pages else []
        told = [TaskEvent(row.id, row.account_id, row.task_id, TaskStatus(row.status)) for row in found]
        return sorted(told, key=lambda event: event.id)

    def running(self, account_ids: Collection[int]) -> list[TaskProgress]:
        """See the port."""
        running = (tasks.c.status == TaskStatus.PROCESSING) & tasks.c.account_id.in_(account_ids)
        wanted = select(tasks.c.account_id, tasks.c.id, tasks.c.progress).where(running)
        with self._database.reading() as connection:
            return [TaskProgress(row.account_id, row.id, row.progress) for row in connection.execute(wanted)]

    def forget_events(self, older_than: timedelta) -> None:
        """See the port."""
        with self._database.writing() as connection:
            connection.execute(delete(events).where(events.c.created_at < from_now(-older_than)))


def _page(account_id: int, position: int, at_most: int) -> Subquery:
    # One account's thousands mustn't keep another's one waiting: each has a limit of its own.
    beyond = (events.c.account_id == account_id) & (events.c.id > position)
    columns = (events.c.id, events.c.account_id, events.c.task_id, events.c.status)
    return select(*columns).where(beyond).order_by(events.c.id).limit(at_most).subquery()
