"""The task board in the database: claims by one conditional UPDATE, fencing by the attempt's number."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, func, select, true, update
from sqlalchemy.exc import IntegrityError

from soundmill.adapters.database.clock import from_now, now
from soundmill.adapters.database.connection import Database
from soundmill.adapters.database.events import note_final
from soundmill.adapters.database.joining import assigned_sources, is_joined, note_sounds
from soundmill.adapters.database.schema import files, tasks
from soundmill.adapters.database.usage import charge, lock_account, lock_owner
from soundmill.failpoints import failpoint
from soundmill.model.conversion import Failure
from soundmill.model.errors import InvalidOptions, InvalidRequest, StaleAttempt, UnknownFormat
from soundmill.model.formats import target_format
from soundmill.model.names import named_format
from soundmill.model.options import accepted_options
from soundmill.model.sound import ConversionReport, SoundFacts
from soundmill.model.tasks import (
    TOO_NEW,
    Assignment,
    Attempt,
    NamedKey,
    RetryRule,
    TaskStatus,
    lost_worker,
)
from soundmill.model.waveform import Waveform
from soundmill.service.ports import QueueState, StoredFile

_log = structlog.get_logger()

_NO_LEASE: dict[str, Any] = {"lease_owner": None, "lease_until": None}
_due = (tasks.c.status == TaskStatus.UPLOADED) & (tasks.c.due_at <= now())
_of_the_source = {
    column.name: select(column).where(files.c.id == tasks.c.source_id).scalar_subquery()
    for column in (files.c.key, files.c.name)
}
_assigned = (
    tasks.c.id,
    tasks.c.attempt,
    tasks.c.source_id,
    tasks.c.new_format,
    tasks.c.options,
    tasks.c.traceparent,
    tasks.c.account_id,
    _of_the_source["key"].label("source_key"),
    _of_the_source["name"].label("source_name"),
)
_expired = (tasks.c.status == TaskStatus.PROCESSING) & (tasks.c.lease_until < now())


class DatabaseBoard:
    """Implements :class:`~soundmill.service.ports.Board`, ``Upkeep`` and ``QueueGauge``."""

    def __init__(self, database: Database, *, lease: timedelta, retries: RetryRule) -> None:
        self._database = database
        self._lease = lease
        self._retries = retries

    def claim(self, owner: str, task_id: int | None = None) -> Assignment | None:
        """See the port."""
        while (taken := self._taken(owner, task_id)) is not None:
            task, sources = taken
            try:
                return _assignment(task, sources)
            except (InvalidOptions, UnknownFormat) as error:
                # Kept, it would be claimed again and again and end as a lost worker's. A pause later a newer API may hand it out.
                _log.warning("a task for a newer version is put back", task=task.id, detail=error.message)
                with suppress(StaleAttempt):
                    self.failed(Attempt(task.id, task.attempt), TOO_NEW)
        return None

    def _taken(self, owner: str, task_id: int | None) -> tuple[Row[Any], tuple[NamedKey, ...]] | None:
        only = true() if task_id is None else tasks.c.id == task_id
        held = select(tasks.c.id).where(only, *_held_by(owner)).limit(1)
        free = select(tasks.c.id).where(only, _due).order_by(tasks.c.rank, tasks.c.id).limit(1)
        if self._database.is_sqlite:
            # Idle workers only read: they would else queue for the one write lock.
            with self._database.reading() as connection:
                if connection.execute(held).first() is None and connection.execute(free).first() is None:
                    return None
        lease = {"lease_owner": owner, "lease_until": from_now(self._lease)}
        fresh = {
            "status": TaskStatus.PROCESSING,
            "attempt": tasks.c.attempt + 1,
            "tries": tasks.c.tries + 1,
            "progress": 0.0,
            "started_at": now(),
        }
        again = update(tasks).where(tasks.c.id == held.scalar_subquery(), *_held_by(owner)).values(lease)
        unlocked = free.with_for_update(skip_locked=True).scalar_subquery()
        taken = update(tasks).where(tasks.c.id == unlocked).values(lease | fresh)
        with self._database.writing() as connection:
            # A repeated claim waits for the first, which may still be on its way, and then finds what that took.
            self._database.lock(connection, f"claim of {owner}")
            task = (
                connection.execute(again.returning(*_assigned)).first()
                or connection.execute(taken.returning(*_assigned)).first()
            )
            if task is None:
                return None
            sources: tuple[NamedKey, ...] = (NamedKey(task.source_key, task.source_name),)
            if is_joined(task.options):
                sources = assigned_sources(connection, task.source_id)
            return task, sources

    def progress(self, attempt: Attempt, fraction: float) -> None:
        """See the port."""
        with self._database.writing() as connection:
            if not _speak(
                connection,
                attempt,
                {"progress": fraction, "lease_until": from_now(self._lease)},
            ):
                raise _stale(attempt)

    def processed(self, attempt: Attempt, result: StoredFile, report: ConversionReport) -> None:
        """See the port."""
        changes = {
            "status": TaskStatus.PROCESSED,
            "progress": 1.0,
            "not_carried": list(report.not_carried),
            "error_code": None,
            "error_message": None,
            "finished_at": now(),
            **_NO_LEASE,
        }
        with self._database.writing() as connection:
            account_id = lock_owner(connection, attempt.task_id)
            task = None if account_id is None else _speak(connection, attempt, changes)
            if account_id is None or task is None:
                if _said_before(connection, attempt, result):
                    return
                raise _stale(attempt)
            charge(connection, account_id, result.size)
            note_final(connection, account_id, attempt.task_id, attempt.number, TaskStatus.PROCESSED)
            stored = {"key": result.key, "size": result.size, "sha256": result.sha256}
            first, *others = report.sources or (report.source,)
            known = update(files).where(files.c.id == task.source_id)
            connection.execute(known.values(_known(first, report.source_waveform)))
            try:
                result_row = update(files).where(files.c.id == task.result_id)
                connection.execute(result_row.values({**stored, **_known_of_result(report)}))
            except IntegrityError as error:
                raise InvalidRequest("The key of the result is another file's.") from error
            if others:
                note_sounds(connection, task.source_id, [each.as_dict() for each in others])
            failpoint("before_processed_commit")
        failpoint("after_processed_commit")

    def failed(self, attempt: Attempt, failure: Failure) -> None:
        """See the port."""
        with self._database.writing() as connection:
            lock_owner(connection, attempt.task_id)
            task = _current(connection, attempt)
            if task.status != TaskStatus.PROCESSING:
                return
            changes: dict[str, Any] = {
                "error_code": failure.code,
                "error_message": failure.message,
                **_NO_LEASE,
            }
            waited = connection.execute(select(now())).scalar_one() - (task.asked_at or task.created_at)
            verdict = self._retries.after(failure, task.tries, waited)
            if verdict.pause is None:
                changes |= {"status": TaskStatus.FAILED, "finished_at": now()}
                note_final(connection, task.account_id, task.id, task.attempt, TaskStatus.FAILED)
            else:
                changes |= {
                    "status": TaskStatus.UPLOADED,
                    "progress": 0.0,
                    "due_at": from_now(verdict.pause),
                    "tries": task.tries if verdict.counts else task.tries - 1,
                }
            _speak(connection, attempt, changes)

    def release(self, attempt: Attempt) -> None:
        """See the port."""
        changes = {
            "status": TaskStatus.UPLOADED,
            "tries": tasks.c.tries - 1,
            "progress": 0.0,
            "due_at": now(),
            **_NO_LEASE,
        }
        with self._database.writing() as connection:
            if not _speak(connection, attempt, changes):
                _current(connection, attempt)

    def expire_leases(self) -> int:
        """See the port. Reads first: most sweeps find nothing and need no write."""
        with self._database.reading() as connection:
            losers = list(connection.execute(select(tasks.c.account_id).where(_expired).distinct()).scalars())
        return sum(self._expire_leases_of(account_id) for account_id in losers)

    def _expire_leases_of(self, account_id: int) -> int:
        most = self._retries.most_tries
        failure = lost_worker(most)
        last = {
            "status": TaskStatus.FAILED,
            "error_code": failure.code,
            "error_message": failure.message,
            "finished_at": now(),
            **_NO_LEASE,
        }
        again = {
            "status": TaskStatus.UPLOADED,
            "progress": 0.0,
            "due_at": now(),
            **_NO_LEASE,
        }
        with self._database.writing() as connection:
            lock_account(connection, account_id)
            # What a word of its worker is just changing is left to that.
            lost = select(tasks.c.id).where(_expired, tasks.c.account_id == account_id)
            ids = list(connection.execute(lost.with_for_update(skip_locked=True)).scalars())
            mine = tasks.c.id.in_(ids)
            connection.execute(update(tasks).where(mine, tasks.c.tries < most).values(again))
            ended = update(tasks).where(mine, tasks.c.tries >= most).values(last)
            for task in connection.execute(ended.returning(tasks.c.id, tasks.c.attempt)).all():
                note_final(connection, account_id, task.id, task.attempt, TaskStatus.FAILED)
            return len(ids)

    def due(self, for_at_least: timedelta, at_most: int) -> int:
        """See the port."""
        overdue = (tasks.c.status == TaskStatus.UPLOADED) & (tasks.c.due_at <= from_now(-for_at_least))
        some = select(tasks.c.id).where(overdue).limit(at_most).subquery()
        with self._database.reading() as connection:
            return connection.execute(select(func.count()).select_from(some)).scalar_one()

    def queue_state(self) -> QueueState:
        """See the port."""
        waiting = select(func.count(), func.min(tasks.c.due_at), now()).where(_due)
        running = select(func.count()).where(tasks.c.status == TaskStatus.PROCESSING)
        with self._database.reading() as connection:
            count, oldest, moment = connection.execute(waiting).one()
            return QueueState(
                waiting=count,
                running=connection.execute(running).scalar_one(),
                oldest=moment - oldest if oldest else timedelta(0),
            )

    def is_live(self, attempt: Attempt) -> bool:
        """See the port."""
        live = select(tasks.c.id).where(_is_current(attempt), tasks.c.status == TaskStatus.PROCESSING)
        with self._database.reading() as connection:
            return connection.execute(live).first() is not None


def _assignment(task: Row[Any], sources: tuple[NamedKey, ...]) -> Assignment:
    target = target_format(task.new_format)
    return Assignment(
        Attempt(task.id, task.attempt),
        sources,
        target.name,
        accepted_options(target, task.options),
        named_format(task.source_name),
        task.traceparent,
        str(task.account_id),
    )


def _known_of_result(report: ConversionReport) -> dict[str, Any]:
    """Rows of earlier versions don't tell with what it was made."""
    known = _known(report.result, report.result_waveform)
    known["sound"]["made_by"] = {"versions": dict(report.versions), "settings": dict(report.settings)}
    return known


def _known(sound: SoundFacts, waveform: Waveform | None) -> dict[str, Any]:
    return {"sound": sound.as_dict(), "waveform": None if waveform is None else waveform.as_dict()}


def _held_by(owner: str) -> tuple[Any, Any]:
    return tasks.c.status == TaskStatus.PROCESSING, tasks.c.lease_owner == owner


def _is_current(attempt: Attempt) -> Any:
    return (tasks.c.id == attempt.task_id) & (tasks.c.attempt == attempt.number)


def _speak(connection: Connection, attempt: Attempt, changes: dict[str, Any]) -> Row[Any] | None:
    """Apply ``changes`` if the attempt is the current one and running: the fence."""
    fenced = update(tasks).where(_is_current(attempt), tasks.c.status == TaskStatus.PROCESSING)
    return connection.execute(fenced.values(changes).returning(tasks.c.source_id, tasks.c.result_id)).first()


def _current(connection: Connection, attempt: Attempt) -> Row[Any]:
    row = connection.execute(select(tasks).where(_is_current(attempt)).with_for_update()).first()
    if row is None:
        raise _stale(attempt)
    return row


def _said_before(connection: Connection, attempt: Attempt, result: StoredFile) -> bool:
    done = (
        select(tasks.c.id)
        .join(files, files.c.id == tasks.c.result_id)
        .where(
            _is_current(attempt),
            tasks.c.status == TaskStatus.PROCESSED,
            files.c.key == result.key,
        )
    )
    return connection.execute(done).first() is not None


def _stale(attempt: Attempt) -> StaleAttempt:
    return StaleAttempt(f"Attempt {attempt.number} of task {attempt.task_id} is no longer the current one.")
