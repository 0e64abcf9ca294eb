"""Uploads are accepted or refused, several of an account at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, func, select

from soundmill.adapters.database.adding import Adding, Submission
from soundmill.adapters.database.batches import Batches, Piece
from soundmill.adapters.database.connection import Database
from soundmill.adapters.database.schema import tasks
from soundmill.adapters.database.usage import charge, lock_account
from soundmill.adapters.database.views import views_of
from soundmill.failpoints import failpoint
from soundmill.model.errors import Busy, NotFound, QueueFull, SoundmillError, Unreachable
from soundmill.model.quota import Quota
from soundmill.model.tasks import TaskStatus, TaskView

_COUNT_SECONDS = 1.0
# The first of a batch waits for the others: some milliseconds each.
_MOST_TOGETHER = 8


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
            used = lock_account(connection, account_id)
            adding = Adding(connection, account_id)
            found: list[list[int] | SoundmillError] = []
            for each in submissions:
                try:
                    found.append(self._decided(connection, adding, used, each))
                except SoundmillError as refusal:  # it comes before anything of it was written
                    found.append(refusal)
            adding.write()
            if adding.size_bytes:
                charge(connection, account_id, adding.size_bytes)
            settled = _seen(connection, found)
            failpoint("before_submit_commit")
        failpoint("after_submit_commit")
        return settled

    def _decided(self, connection: Connection, adding: Adding, used: int, submission: Submission) -> list[int]:
        """The ids of its tasks, those of new ones as soon as they are written."""
        if submission.once and (before := adding.before(submission.once)):
            return before
        self._quota.refuse_overflow(used + adding.size_bytes, submission.size_bytes)
        self._refuse_overflow(connection, len(submission.orders))
        return adding.accept(submission)

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
