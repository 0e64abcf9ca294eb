"""The owner's view of tasks in the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from soundmill.adapters.database.clock import from_now, now
from soundmill.adapters.database.connection import Database
from soundmill.adapters.database.events import note_final
from soundmill.adapters.database.joining import add_sources, fitting
from soundmill.adapters.database.names import add_file, free_name
from soundmill.adapters.database.once import remember, remembered
from soundmill.adapters.database.pages import page_query
from soundmill.adapters.database.removal import remove_task
from soundmill.adapters.database.schema import files, idempotency_keys, tasks
from soundmill.adapters.database.usage import charge, lock_account
from soundmill.adapters.database.views import select_views, views
from soundmill.failpoints import failpoint
from soundmill.model.errors import NotFound, QueueFull, WrongState
from soundmill.model.names import joined, split_extension, with_extension
from soundmill.model.quota import UNLIMITED, Quota
from soundmill.model.tasks import (
    CANCELLABLE,
    FINAL,
    RETRYABLE,
    FileFacts,
    TaskStatus,
    TaskView,
)
from soundmill.service.ports import NamedFile, Once, Order, PageRequest

_UNKNOWN_BATCH = 500
_COUNT_SECONDS = 1.0


class DatabaseTasks:
    """Implements :class:`~soundmill.service.ports.TaskStore`, ``FileIndex``, ``OnceMemory`` and ``Watch``.

    ``queue_cap`` is how many tasks may wait at a time, in all; ``quota`` how many bytes one account's files may take;
    ``traceparent`` gives the trace of the request under way, which is kept with the tasks that it asks for.
    """

    def __init__(
        self,
        database: Database,
        *,
        queue_cap: int,
        quota: Quota = UNLIMITED,
        traceparent: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._database = database
        self._queue_cap = queue_cap
        self._quota = quota
        self._traceparent = traceparent
        self._counting = threading.Lock()
        self._counted, self._since = 0, 0
        self._counted_at = -_COUNT_SECONDS

    def submit(
        self,
        account_id: int,
        sources: Sequence[NamedFile],
        orders: tuple[Order, ...],
        once: Once | None = None,
    ) -> list[TaskView]:
        """See the port. A crash before the commit leaves only unnamed files in the storage, which the janitor sweeps."""
        size = sum(each.stored.size for each in sources)
        with self._database.writing() as connection:
            used = lock_account(connection, account_id)
            if once and (before := remembered(connection, account_id, once)):
                return _left(connection, before)
            self._quota.refuse_overflow(used, size)
            self._refuse_overflow(connection, len(orders))
            charge(connection, account_id, size)
            source_id, unique_name = add_sources(connection, account_id, sources)
            rank = _next_rank(connection, account_id)
            shared = {"account_id": account_id, "source_id": source_id, "traceparent": self._traceparent()}
            added = [
                _add_task(connection, shared, unique_name, order, rank + place) for place, order in enumerate(orders)
            ]
            if once:
                remember(connection, account_id, once, added)
            accepted = _views(connection, added)
            failpoint("before_submit_commit")
        failpoint("after_submit_commit")
        return accepted

    def get(self, account_id: int, task_id: int) -> TaskView:
        """See the port."""
        with self._database.looking() as connection:
            return _view(connection, account_id, task_id)

    def page(self, account_id: int, request: PageRequest) -> list[TaskView]:
        """See the port."""
        query, given = page_query(account_id, request, is_sqlite=self._database.is_sqlite)
        with self._database.looking() as connection:
            return views(connection, connection.execute(query, given).all())

    def restart(
        self, account_id: int, task_id: int, order: Order | None, once: Once | None = None
    ) -> tuple[TaskView, list[str]]:
        """See the port."""
        with self._database.writing() as connection:
            lock_account(connection, account_id)
            if once and remembered(connection, account_id, once):
                return _view(connection, account_id, task_id), []
            task = _locked(connection, account_id, task_id)
            if order is None and task.status not in RETRYABLE:
                raise WrongState("Only a failed or cancelled task can be tried again.")
            dropped = _unpublish(connection, task)
            changes: dict[str, Any] = {}
            if order is not None:
                order = fitting(task, order)
                changes = {
                    "new_format": order.target.name,
                    "options": order.options.as_dict(),
                }
                _rename_result(connection, account_id, task, order)
            if once:
                remember(connection, account_id, once, [task_id])
            connection.execute(
                update(tasks)
                .where(tasks.c.id == task_id)
                .values(
                    **_FRESH,
                    **changes,
                    attempt=tasks.c.attempt + 1,
                    rank=_next_rank(connection, account_id),
                    due_at=now(),
                    traceparent=self._traceparent(),
                )
            )
            return _view(connection, account_id, task_id), dropped

    def cancel(self, account_id: int, task_id: int) -> TaskView:
        """See the port."""
        with self._database.writing() as connection:
            lock_account(connection, account_id)
            task = _locked(connection, account_id, task_id)
            if task.status in CANCELLABLE:
                connection.execute(
                    update(tasks)
                    .where(tasks.c.id == task_id)
                    .values(
                        status=TaskStatus.CANCELLED,
                        attempt=tasks.c.attempt + 1,
                        lease_owner=None,
                        lease_until=None,
                        finished_at=now(),
                    )
                )
                note_final(connection, account_id, task_id, task.attempt + 1, TaskStatus.CANCELLED)
            elif task.status != TaskStatus.CANCELLED:
                raise WrongState(f"The task is {task.status} already; there is nothing to cancel.")
            return _view(connection, account_id, task_id)

    def remove(self, account_id: int, task_id: int) -> list[str]:
        """See the port."""
        with self._database.writing() as connection:
            lock_account(connection, account_id)
            return remove_task(connection, _locked(connection, account_id, task_id))

    def find(self, account_id: int, name: str) -> FileFacts:
        """See the port."""
        wanted = select(files).where(
            files.c.account_id == account_id,
            files.c.name == name,
            files.c.key.is_not(None),
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        if row is None:
            raise NotFound("There is no such file.")
        return FileFacts(row.name, row.key, row.size, row.sha256)

    def unknown(self, keys: Sequence[str]) -> list[str]:
        """See the port."""
        known: set[str | None] = set()
        with self._database.reading() as connection:
            for start in range(0, len(keys), _UNKNOWN_BATCH):
                batch = keys[start : start + _UNKNOWN_BATCH]
                known.update(connection.execute(select(files.c.key).where(files.c.key.in_(batch))).scalars())
        return [key for key in keys if key not in known]

    def forget_keys(self, older_than: timedelta) -> None:
        """See the port."""
        with self._database.writing() as connection:
            connection.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at < from_now(-older_than)))

    def final_among(self, task_ids: Collection[int]) -> set[int]:
        """See the port."""
        running = select(tasks.c.id).where(tasks.c.id.in_(task_ids), tasks.c.status.not_in(FINAL))
        with self._database.reading() as connection:
            return set(task_ids) - set(connection.execute(running).scalars())

    def _refuse_overflow(self, connection: Connection, more: int) -> None:
        if self._waiting(connection) + more > self._queue_cap:
            raise QueueFull(
                "The queue is full. Nothing was accepted; try again in a minute.",
                timedelta(seconds=60),
            )
        self._since += more

    def _waiting(self, connection: Connection) -> int:
        # Counting costs more the more wait. The cap guards the disk and people's patience, so a figure of a second ago does,
        # unless it says that the queue is full: then it is counted again.
        with self._counting:
            is_fresh = time.monotonic() - self._counted_at < _COUNT_SECONDS
            if not is_fresh or self._counted + self._since >= self._queue_cap:
                waiting = select(func.count()).select_from(tasks).where(tasks.c.status == TaskStatus.UPLOADED)
                self._counted = connection.execute(waiting).scalar_one()
                self._counted_at, self._since = time.monotonic(), 0
            return self._counted + self._since


_FRESH: dict[str, Any] = {
    "status": TaskStatus.UPLOADED,
    "progress": 0.0,
    "tries": 0,
    "lease_owner": None,
    "lease_until": None,
    "error_code": None,
    "error_message": None,
    "not_carried": [],
    "started_at": None,
    "finished_at": None,
}


def _add_task(
    connection: Connection,
    shared: dict[str, Any],
    source_name: str,
    order: Order,
    rank: int,
) -> int:
    """``shared`` are the columns in which the tasks of one upload agree."""
    result_id, _ = add_file(connection, shared["account_id"], _result_name(source_name, order), {})
    row = {
        **_FRESH,
        **shared,
        "result_id": result_id,
        "new_format": order.target.name,
        "options": order.options.as_dict(),
        "attempt": 0,
        "rank": rank,
    }
    return int(connection.execute(_ADD_TASK, row).scalar_one())


def _result_name(source_name: str, order: Order) -> str:
    called = joined(source_name) if order.options.join else source_name
    return with_extension(called, order.options.extension_for(order.target))


def _next_rank(connection: Connection, account_id: int) -> int:
    """Start-time fair queueing (Goyal, Vin, Cheng 1996) with equal shares: an account's tasks stand one rank behind each
    other, and nobody starts behind the head of the queue. So a single task doesn't wait for another account's thousand.
    """
    head, own = connection.execute(_RANKS, {"of_account": account_id}).one()
    return max(head or 0, 0 if own is None else own + 1)


# Built once: most requests run one of these, and building one costs more than running it.
_ONE = select_views().where(tasks.c.id == bindparam("asked"), tasks.c.account_id == bindparam("of_account"))
_THESE = select_views().where(tasks.c.id.in_(bindparam("these", expanding=True))).order_by(tasks.c.id)
_ADD_TASK = insert(tasks).values(due_at=now(), created_at=now()).returning(tasks.c.id)
_waiting = tasks.c.status == TaskStatus.UPLOADED
_RANKS = select(
    select(func.min(tasks.c.rank)).where(_waiting).scalar_subquery(),
    select(func.max(tasks.c.rank)).where(_waiting, tasks.c.account_id == bindparam("of_account")).scalar_subquery(),
)


def _locked(connection: Connection, account_id: int, task_id: int) -> Row[Any]:
    wanted = select(tasks).where(tasks.c.id == task_id, tasks.c.account_id == account_id).with_for_update()
    row = connection.execute(wanted).first()
    if row is None:
        raise _no_such_task()
    return row


def _view(connection: Connection, account_id: int, task_id: int) -> TaskView:
    row = connection.execute(_ONE, {"of_account": account_id, "asked": task_id}).first()
    if row is None:
        raise _no_such_task()
    return views(connection, [row])[0]


def _views(connection: Connection, task_ids: list[int]) -> list[TaskView]:
    return views(connection, connection.execute(_THESE, {"these": task_ids}).all())


def _left(connection: Connection, task_ids: list[int]) -> list[TaskView]:
    left = _views(connection, task_ids)
    if not left:
        raise NotFound("This Idempotency-Key's request was carried out, and what it made was deleted since.")
    return left


def _no_such_task() -> NotFound:
    return NotFound("There is no such task.")


def _unpublish(connection: Connection, task: Row[Any]) -> list[str]:
    result = connection.execute(select(files.c.key, files.c.size).where(files.c.id == task.result_id)).one()
    if result.key is None:
        return []
    nothing = {"key": None, "size": None, "sha256": None, "sound": None}
    connection.execute(update(files).where(files.c.id == task.result_id).values(nothing))
    charge(connection, task.account_id, -result.size)
    return [result.key]


def _rename_result(connection: Connection, account_id: int, task: Row[Any], order: Order) -> None:
    names = select(files.c.id, files.c.name).where(files.c.id.in_((task.source_id, task.result_id)))
    name_of = {row.id: row.name for row in connection.execute(names)}
    wanted = _result_name(name_of[task.source_id], order)
    if split_extension(name_of[task.result_id])[1] == split_extension(wanted)[1]:
        return  # M4A and ALAC share an extension
    name = free_name(connection, account_id, wanted)
    connection.execute(update(files).where(files.c.id == task.result_id).values(name=name))
