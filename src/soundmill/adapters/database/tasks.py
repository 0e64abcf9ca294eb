"""The owner's view of tasks in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    delete,
    select,
    update,
)

from soundmill.adapters.database.adding import FRESH, Submission, next_rank, result_name
from soundmill.adapters.database.clock import from_now, now
from soundmill.adapters.database.connection import Database
from soundmill.adapters.database.events import note_final
from soundmill.adapters.database.joining import fitting, followers
from soundmill.adapters.database.lookup import IS_NOT_REVOKED, Lookup
from soundmill.adapters.database.names import free_name
from soundmill.adapters.database.once import remember, remembered
from soundmill.adapters.database.pages import page_query
from soundmill.adapters.database.removal import remove_task
from soundmill.adapters.database.schema import files, idempotency_keys, tasks
from soundmill.adapters.database.shared import Shared
from soundmill.adapters.database.submission import Submissions
from soundmill.adapters.database.usage import charge, lock_account
from soundmill.adapters.database.views import select_views, views
from soundmill.model.errors import NotFound, WrongState
from soundmill.model.names import split_extension
from soundmill.model.quota import UNLIMITED, Quota
from soundmill.model.tasks import (
    CANCELLABLE,
    FINAL,
    RETRYABLE,
    FileFacts,
    SourceView,
    TaskStatus,
    TaskView,
)
from soundmill.service.ports import NamedFile, Once, Order, PageRequest

_UNKNOWN_BATCH = 500


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
        self._traceparent = traceparent
        self._submissions = Submissions(database, queue_cap, quota)
        self._asked: Shared[list[TaskView]] = Shared()

    def submit(
        self,
        account_id: int,
        sources: Sequence[NamedFile],
        orders: tuple[Order, ...],
        once: Once | None = None,
    ) -> list[TaskView]:
        """See the port."""
        return self._submissions.accept(account_id, Submission(sources, orders, once, self._traceparent()))

    def get(self, account_id: int, task_id: int, token_id: str = "") -> TaskView:
        """See the port."""
        given = {"of_account": account_id, "asked": task_id, "token": token_id}
        return _only(self._seen(_ONE, given))

    def page(self, account_id: int, request: PageRequest, token_id: str = "") -> list[TaskView]:
        """See the port."""
        query, given = page_query(account_id, request, token_id, is_sqlite=self._database.is_sqlite)
        return self._seen(query, given)

    def _seen(self, lookup: Lookup, given: Mapping[str, Any]) -> list[TaskView]:
        question = (lookup, *given.values())
        return list(self._asked.answer(question, lambda: views(self._database.look(lookup, given), self._followers)))

    def _followers(self, first_ids: Collection[int]) -> Mapping[int, Sequence[SourceView]]:
        with self._database.reading() as connection:
            return followers(connection, first_ids)

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
                    **FRESH,
                    **changes,
                    attempt=tasks.c.attempt + 1,
                    rank=next_rank(connection, account_id),
                    due_at=now(),
                    asked_at=now(),
                    traceparent=self._traceparent(),
                )
            )
            return _view(connection, account_id, task_id), dropped

    def cancel(self, account_id: int, task_id: int, once: Once | None = None) -> TaskView:
        """See the port."""
        with self._database.writing() as connection:
            lock_account(connection, account_id)
            if once and remembered(connection, account_id, once):
                return _view(connection, account_id, task_id)
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
            if once:
                remember(connection, account_id, once, [task_id])
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

    def knows(self, account_id: int, key: str) -> bool:
        """See the port."""
        mine = (idempotency_keys.c.account_id == account_id) & (idempotency_keys.c.key == key)
        with self._database.reading() as connection:
            return connection.execute(select(idempotency_keys.c.key).where(mine)).first() is not None

    def forget_keys(self, older_than: timedelta) -> None:
        """See the port."""
        with self._database.writing() as connection:
            connection.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at < from_now(-older_than)))

    def final_among(self, task_ids: Collection[int]) -> set[int]:
        """See the port."""
        running = select(tasks.c.id).where(tasks.c.id.in_(task_ids), tasks.c.status.not_in(FINAL))
        with self._database.reading() as connection:
            return set(task_ids) - set(connection.execute(running).scalars())


_ONE = Lookup(
    select_views().where(
        tasks.c.id == bindparam("asked"), tasks.c.account_id == bindparam("of_account"), IS_NOT_REVOKED
    )
)


def _locked(connection: Connection, account_id: int, task_id: int) -> Row[Any]:
    wanted = select(tasks).where(tasks.c.id == task_id, tasks.c.account_id == account_id).with_for_update()
    row = connection.execute(wanted).first()
    if row is None:
        raise _no_such_task()
    return row


def _view(connection: Connection, account_id: int, task_id: int) -> TaskView:
    found = connection.execute(_ONE.statement, {"of_account": account_id, "asked": task_id, "token": ""}).all()
    return _only(views(found, partial(followers, connection)))


def _only(found: Sequence[TaskView]) -> TaskView:
    if not found:
        raise _no_such_task()
    return found[0]


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
    wanted = result_name(name_of[task.source_id], order)
    if split_extension(name_of[task.result_id])[1] == split_extension(wanted)[1]:
        return  # M4A and ALAC share an extension
    name = free_name(connection, account_id, wanted)
    connection.execute(update(files).where(files.c.id == task.result_id).values(name=name))
