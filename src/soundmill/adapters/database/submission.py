"""What was uploaded becomes rows: files with names of their own, and tasks that wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from soundmill.adapters.database.batches import Batches, Piece
from soundmill.adapters.database.clock import now
from soundmill.adapters.database.connection import Database
from soundmill.adapters.database.joining import add_sources
from soundmill.adapters.database.names import add_file
from soundmill.adapters.database.once import remember, remembered
from soundmill.adapters.database.schema import tasks
from soundmill.adapters.database.usage import charge, lock_account
from soundmill.adapters.database.views import views_of
from soundmill.failpoints import failpoint
from soundmill.model.errors import Busy, NotFound, QueueFull, SoundmillError, Unreachable
from soundmill.model.names import joined, with_extension
from soundmill.model.quota import Quota
from soundmill.model.tasks import TaskStatus, TaskView
from soundmill.service.ports import NamedFile, Once, Order

_COUNT_SECONDS = 1.0
# The first of a batch waits for the others: some milliseconds each.
_MOST_TOGETHER = 8

FRESH: dict[str, Any] = {
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
"""The columns of a task that nobody has begun to convert."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One upload: ``sources`` together are converted by each of ``orders``. ``traceparent`` is the trace of its request."""

    sources: Sequence[NamedFile]
    orders: tuple[Order, ...]
    once: Once | None
    traceparent: str | None

    @property
    def size_bytes(self) -> int:
        """Of all sources."""
        return sum(each.stored.size for each in self.sources)


class Submissions:
    """Accepts uploads, several of an account in one transaction when they come at once.

    ``queue_cap`` is how many tasks may wait at a time, in all; ``quota`` how many bytes one account's files may take.
    """

    def __init__(self, database: Database, queue_cap: int, quota: Quota) -> None:
        self._database = database
        self._queue_cap = queue_cap
        self._quota = quota
        self._batches = Batches(self._accept, _MOST_TOGETHER)
        self._counting = threading.Lock()
        self._counted, self._since = 0, 0
        self._counted_at = -_COUNT_SECONDS

    def accept(self, account_id: int, submission: Submission) -> list[TaskView]:
        """See :meth:`soundmill.service.ports.TaskStore.submit`. A crash before the commit leaves only unnamed files in the storage, which the janitor sweeps."""
        return self._batches.result(account_id, submission)

    def _accept(self, account_id: int, pieces: Sequence[Piece[Submission, list[TaskView]]]) -> None:
        try:
            settled = self._committed(account_id, [each.work for each in pieces])
        except (Busy, Unreachable):
            raise  # nothing is tried twice: it may have been committed, whatever was heard of it
        except Exception:
            if len(pieces) == 1:
                raise
            # Nothing was committed. What is wrong with one shall not be the others' error.
            for each in pieces:
                self._accept_alone(account_id, each)
            return
        for piece, accepted in zip(pieces, settled, strict=True):
            if isinstance(accepted, SoundmillError):
                piece.done.set_exception(accepted)
            else:
                piece.done.set_result(accepted)

    def _accept_alone(self, account_id: int, piece: Piece[Submission, list[TaskView]]) -> None:
        try:
            self._accept(account_id, [piece])
        except Exception as error:  # noqa: BLE001 - it is the thread's that waits for it
            piece.done.set_exception(error)

    def _committed(
        self, account_id: int, submissions: Sequence[Submission]
    ) -> Sequence[list[TaskView] | SoundmillError]:
        """What became of each: all that is accepted, or why it is refused, in one transaction."""
        with self._database.writing() as connection:
            used = before = lock_account(connection, account_id)
            found: list[list[int] | SoundmillError] = []
            for each in submissions:
                try:
                    ids, is_new = self._added(connection, account_id, used, each)
                except SoundmillError as refusal:  # it comes before anything was written
                    found.append(refusal)
                else:
                    found.append(ids)
                    used += each.size_bytes if is_new else 0
            if used != before:
                charge(connection, account_id, used - before)
            settled = _seen(connection, found)
            failpoint("before_submit_commit")
        failpoint("after_submit_commit")
        return settled

    def _added(
        self, connection: Connection, account_id: int, used: int, submission: Submission
    ) -> tuple[list[int], bool]:
        """The ids of its tasks, and whether they are new: an upload that was accepted before has some."""
        once = submission.once
        if once and (before := remembered(connection, account_id, once)):
            return before, False
        self._quota.refuse_overflow(used, submission.size_bytes)
        self._refuse_overflow(connection, len(submission.orders))
        source_id, unique_name = add_sources(connection, account_id, submission.sources)
        rank = next_rank(connection, account_id)
        shared = {"account_id": account_id, "source_id": source_id, "traceparent": submission.traceparent}
        added = [
            _add_task(connection, shared, unique_name, order, rank + place)
            for place, order in enumerate(submission.orders)
        ]
        if once:
            remember(connection, account_id, once, added)
        return added, True

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


def result_name(source_name: str, order: Order) -> str:
    """What a result of it shall be called."""
    called = joined(source_name) if order.options.join else source_name
    return with_extension(called, order.options.extension_for(order.target))


def next_rank(connection: Connection, account_id: int) -> int:
    """Start-time fair queueing (Goyal, Vin, Cheng 1996) with equal shares: an account's tasks stand one rank behind each
    other, and nobody starts behind the head of the queue. So a single task doesn't wait for another account's thousand.
    """
    head, own = connection.execute(_RANKS, {"of_account": account_id}).one()
    return max(head or 0, 0 if own is None else own + 1)


def _add_task(
    connection: Connection,
    shared: dict[str, Any],
    source_name: str,
    order: Order,
    rank: int,
) -> int:
    """``shared`` are the columns in which the tasks of one upload agree."""
    result_id, _ = add_file(connection, shared["account_id"], result_name(source_name, order), {})
    row = {
        **FRESH,
        **shared,
        "result_id": result_id,
        "new_format": order.target.name,
        "options": order.options.as_dict(),
        "attempt": 0,
        "rank": rank,
    }
    return int(connection.execute(_ADD_TASK, row).scalar_one())


def _seen(connection: Connection, found: Sequence[list[int] | SoundmillError]) -> list[list[TaskView] | SoundmillError]:
    """The tasks by their ids, read at once."""
    wanted = [task_id for each in found if not isinstance(each, SoundmillError) for task_id in each]
    by_id = {task.id: task for task in views_of(connection, wanted)} if wanted else {}
    seen: list[list[TaskView] | SoundmillError] = []
    for each in found:
        if isinstance(each, SoundmillError):
            seen.append(each)
            continue
        # Of those that were accepted before, some may be deleted.
        left = [by_id[task_id] for task_id in each if task_id in by_id]
        seen.append(
            left or NotFound("This Idempotency-Key's request was carried out, and what it made was deleted since.")
        )
    return seen


# Built once: every upload runs these, and building one costs more than running it.
_ADD_TASK = insert(tasks).values(due_at=now(), created_at=now()).returning(tasks.c.id)
_waiting = tasks.c.status == TaskStatus.UPLOADED
_RANKS = select(
    select(func.min(tasks.c.rank)).where(_waiting).scalar_subquery(),
    select(func.max(tasks.c.rank)).where(_waiting, tasks.c.account_id == bindparam("of_account")).scalar_subquery(),
)
