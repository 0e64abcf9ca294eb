"""Seats beside long conversions, in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, exists, func, insert, literal, select, update

from soundmill.adapters.database.clock import from_now, now
from soundmill.adapters.database.connection import Database
from soundmill.adapters.database.schema import helped_tasks, seats, tasks
from soundmill.model.errors import StaleAttempt
from soundmill.model.tasks import Attempt, TaskStatus
from soundmill.service.ports import Seat

_MOST_SEATS = 16
# One piece is encoded while the next is on its way.
_SEATS_A_HELPER = 2
_LOST_AFTER = timedelta(seconds=10)
_NOTED_AGAIN_AFTER = timedelta(seconds=2)
# Free workers take a task sooner than this: helpers needn't make room for it.
_WAITS_AFTER = timedelta(seconds=0.25)

_is_heard_of = seats.c.seen_at > from_now(-_LOST_AFTER)
_is_running = (
    (tasks.c.id == helped_tasks.c.task_id)
    & (tasks.c.attempt == helped_tasks.c.attempt)
    & (tasks.c.status == TaskStatus.PROCESSING)
    & (tasks.c.lease_until > now())
)
_tasks_wait = (
    exists().where(tasks.c.status == TaskStatus.UPLOADED, tasks.c.due_at <= from_now(-_WAITS_AFTER)).correlate(None)
)
_helpers = (
    select(func.count())
    .where(seats.c.task_id == helped_tasks.c.task_id, _is_heard_of)
    .correlate(helped_tasks)
    .scalar_subquery()
)
_is_wanted = exists().where(helped_tasks.c.task_id == seats.c.task_id, _is_running).correlate(seats) & ~_tasks_wait


class DatabaseSeats:
    """Implements :class:`~soundmill.service.ports.Seats` and ``SeatUpkeep``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, attempt: Attempt, build: str) -> None:
        """See the port."""
        current = tasks.c.attempt == attempt.number, tasks.c.status == TaskStatus.PROCESSING
        with self._database.writing() as connection:
            # Said twice at once, it would be inserted twice.
            self._database.lock(connection, f"help for task {attempt.task_id}")
            if connection.execute(select(tasks.c.id).where(tasks.c.id == attempt.task_id, *current)).first() is None:
                raise StaleAttempt(f"Attempt {attempt.number} of task {attempt.task_id} is no longer the current one.")
            if connection.execute(select(helped_tasks.c.task_id).where(_is_of(attempt))).first() is None:
                connection.execute(delete(helped_tasks).where(helped_tasks.c.task_id == attempt.task_id))
                row = {"task_id": attempt.task_id, "attempt": attempt.number, "build": build}
                connection.execute(insert(helped_tasks).values(row))

    def taken(self, attempt: Attempt) -> Sequence[Seat]:
        """See the port."""
        beside = (
            select(seats.c.id, seats.c.work, seats.c.answer).join(helped_tasks).where(_is_of(attempt), _is_heard_of)
        )
        with self._database.reading() as connection:
            return [Seat(row.id, row.work, row.answer) for row in connection.execute(beside.order_by(seats.c.id))]

    def give(self, attempt: Attempt, seat: int, work: str) -> None:
        """See the port."""
        is_idle = seats.c.work.is_(None) | seats.c.answer.is_not(None)
        is_there = exists().where(helped_tasks.c.task_id == seats.c.task_id, _is_of(attempt)).correlate(seats)
        given = update(seats).where(seats.c.id == seat, is_idle, _is_heard_of, is_there)
        with self._database.writing() as connection:
            if not connection.execute(given.values(work=work, answer=None, given_at=now())).rowcount:
                raise StaleAttempt("Nobody sits there any more.")

    def close(self, attempt: Attempt) -> Sequence[Seat]:
        """See the port."""
        of_it = select(helped_tasks.c.task_id).where(_is_of(attempt)).scalar_subquery()
        gone = delete(seats).where(seats.c.task_id == of_it).returning(seats.c.id, seats.c.work, seats.c.answer)
        with self._database.writing() as connection:
            found = [Seat(row.id, row.work, row.answer) for row in connection.execute(gone)]
            connection.execute(delete(helped_tasks).where(_is_of(attempt)))
        return found

    def take(self, helper: str, build: str) -> bool:
        """See the port. Looks first without a lock: as a rule nobody needs any."""
        needy = (
            select(helped_tasks.c.task_id)
            .join(tasks, _is_running)
            .where(helped_tasks.c.build == build, _helpers <= _MOST_SEATS - _SEATS_A_HELPER, ~_tasks_wait)
            .order_by(_helpers, helped_tasks.c.task_id)
            .limit(1)
        )
        with self._database.reading() as connection:
            if connection.execute(needy).first() is None:
                return False
        with self._database.writing() as connection:
            # It mustn't go before the seats are there.
            found = connection.execute(needy.with_for_update(read=True, of=helped_tasks)).scalar()
            if found is None:
                return False
            connection.execute(delete(seats).where(seats.c.helper == helper))
            places = select(helped_tasks.c.task_id, literal(helper), now()).where(helped_tasks.c.task_id == found)
            for _ in range(_SEATS_A_HELPER):
                connection.execute(insert(seats).from_select(["task_id", "helper", "seen_at"], places))
        return True

    def next_work(self, helper: str) -> Seat | None:
        """See the port."""
        with self._database.reading() as connection:
            rows = _wanted(connection, helper)
        if any(row.is_due for row in rows):
            with self._database.writing() as connection:
                connection.execute(update(seats).where(seats.c.helper == helper).values(seen_at=now()))
        waiting = [row for row in rows if row.work is not None and row.answer is None]
        return Seat(waiting[0].id, waiting[0].work) if waiting else None

    def answer(self, helper: str, work: Seat, answer: str) -> None:
        """See the port."""
        is_given = (seats.c.id == work.id) & (seats.c.helper == helper) & (seats.c.work == work.work)
        noted = update(seats).where(is_given, seats.c.answer.is_(None)).values(answer=answer, seen_at=now())
        with self._database.writing() as connection:
            if not connection.execute(noted).rowcount:
                raise StaleAttempt("Nobody waits for this answer.")

    def leave(self, helper: str) -> None:
        """See the port."""
        with self._database.writing() as connection:
            connection.execute(delete(seats).where(seats.c.helper == helper))

    def forget_seats(self) -> None:
        """See the port. A worker that was killed closes nothing."""
        is_over = ~exists().where(_is_running).correlate(helped_tasks)
        with self._database.reading() as connection:
            if connection.execute(select(helped_tasks.c.task_id).where(is_over).limit(1)).first() is None:
                return
        with self._database.writing() as connection:
            connection.execute(delete(helped_tasks).where(is_over))


def _is_of(attempt: Attempt) -> Any:
    return (helped_tasks.c.task_id == attempt.task_id) & (helped_tasks.c.attempt == attempt.number)


def _wanted(connection: Connection, helper: str) -> Sequence[Any]:
    """The helper's seats, what was given longest ago first."""
    is_due = (seats.c.seen_at < from_now(-_NOTED_AGAIN_AFTER)).label("is_due")
    own = select(seats.c.id, seats.c.work, seats.c.answer, is_due).where(seats.c.helper == helper, _is_wanted)
    rows = connection.execute(own.order_by(seats.c.given_at, seats.c.id)).all()
    if not rows:
        raise StaleAttempt("Nobody needs help there any more.")
    return rows
