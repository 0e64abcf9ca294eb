"""A worker: takes a due task, converts, publishes, says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import structlog

from soundmill.failpoints import failpoint
from soundmill.model.conversion import (
    ConversionError,
    ConversionStopped,
    Failure,
    FailureCode,
)
from soundmill.model.errors import NoRoom, NotFound, Refused, SoundmillError, StaleAttempt, StorageError, Unreachable
from soundmill.model.formats import target_format
from soundmill.model.helping import Helpers
from soundmill.model.sound import ConversionReport
from soundmill.model.tasks import Assignment, Attempt
from soundmill.service.draining import Drain
from soundmill.service.helping import Helping
from soundmill.service.lending import Lending
from soundmill.service.ports import Board, Converter, LocalSource, Seats, Workbench

_REPORT_SECONDS = 0.4
_RENEW_SECONDS = 1.0
_REST_SECONDS = 5.0

_log = structlog.get_logger()


class Worker:
    """Does one task at a time; :meth:`drain` may be called by a signal handler or from another thread.

    After trouble with the storage it rests for some seconds, so as not to run through the queue. With ``seats`` others help with its long
    conversions, and with ``helping`` it helps them while nothing is due. ``drain`` is for who must know of it, too.
    """

    def __init__(
        self,
        owner: str,
        board: Board,
        workbench: Workbench,
        converter: Converter,
        seats: Seats | None = None,
        helping: Helping | None = None,
        drain: Drain | None = None,
    ) -> None:
        self._seats = seats
        self._helping = helping
        self._owner = owner
        self._board = board
        self._workbench = workbench
        self._converter = converter
        self._drain = drain or Drain()
        self._rests_until = 0.0

    @property
    def draining(self) -> bool:
        """True once no further task may be taken."""
        return self._drain.has_begun

    def drain(self, grace: timedelta) -> None:
        """Take no further task; the running one has ``grace`` to end and is given back then."""
        self._drain.begin(grace)

    def work(self) -> bool:
        """Take the next due task, if any, and see it to its end; else help others. Gives whether there was anything to do."""
        if self.draining or time.monotonic() < self._rests_until:
            return False
        try:
            assignment = self._board.claim(self._owner)
            if assignment is None:
                return self._helping is not None and self._helping.help(lambda: self.draining)
        except Unreachable as error:
            _log.warning("no task taken", error=error.message, detail=error.detail_for_log)
            return False
        failpoint("after_claim")
        attempt = assignment.attempt
        log = _log.bind(task=attempt.task_id, attempt=attempt.number)
        try:
            self._see_to_its_end(assignment, log)
        except Unreachable as error:
            log.error("broken off, and due again when its lease ends", error=error.message, detail=error.detail_for_log)
        return True

    def _see_to_its_end(self, assignment: Assignment, log: structlog.stdlib.BoundLogger) -> None:
        attempt = assignment.attempt
        log.info("conversion begins", format=assignment.new_format)
        began = time.monotonic()
        try:
            remarks = self._convert(assignment).remarks
            log.info(
                "processed", seconds=round(time.monotonic() - began, 3), **({"remarks": remarks} if remarks else {})
            )
        except StaleAttempt:
            log.info("no longer wanted: cancelled, changed, deleted or taken over")
        except ConversionStopped:
            log.info("given back: the worker is stopping")
            self._say_released(attempt)
        except ConversionError as error:
            code, detail = error.failure.code, error.for_log
            is_wanted = self._say_failed(
                attempt, error.failure, lambda: log.warning("conversion failed", code=code, detail=detail)
            )
            if is_wanted and code is FailureCode.STORAGE:
                self._rest()
        except Refused as error:
            detail = error.detail_for_log
            failure = Failure(FailureCode.INTERNAL, "The result could not be recorded.")
            self._say_failed(attempt, failure, lambda: log.error("the API refuses the report", detail=detail))
        except NotFound as error:
            # Of this task alone: its source is gone with the task, or not to be seen from here yet (NFS).
            self._say_storage_failed(attempt, error)
        except (StorageError, NoRoom) as error:
            self._rest()
            self._say_storage_failed(attempt, error)

    def _rest(self) -> None:
        # It isn't the task's fault, and the next one would fare no better.
        self._rests_until = time.monotonic() + _REST_SECONDS

    def _convert(self, assignment: Assignment) -> ConversionReport:
        attempt = assignment.attempt
        report_progress = _Reporter(self._board, attempt, lambda: self._drain.is_over)
        with ExitStack() as bench:
            with _kept_alive(self._board, attempt, 0.0):
                sources = [
                    LocalSource(bench.enter_context(self._workbench.source(each.key)), each.name)
                    for each in assignment.sources
                ]
            directory = bench.enter_context(self._workbench.scratch(attempt))
            result, report = self._converter.convert(
                sources,
                directory,
                target_format(assignment.new_format),
                assignment.options,
                report_progress.tick,
                self._helpers(attempt, directory),
                assignment.account,
            )
            report_progress.last_word()
            failpoint("before_publish")
            with _kept_alive(self._board, attempt, 1.0):
                stored = self._workbench.publish(attempt, result)
            failpoint("after_publish")
            # A crash here leaves a file without a row, and a task that is due again when its lease ends.
            self._board.processed(attempt, stored, report)
            failpoint("after_processed")
        return report

    def _helpers(self, attempt: Attempt, directory: Path) -> Helpers | None:
        if self._seats is None:
            return None
        return Lending(attempt, directory, self._seats, self._workbench, self._converter.build)

    def _say_storage_failed(self, attempt: Attempt, error: SoundmillError) -> None:
        log = _log.bind(task=attempt.task_id, attempt=attempt.number)
        self._say_failed(
            attempt,
            Failure(FailureCode.STORAGE, error.message, retryable=True),
            lambda: log.error("the storage failed", error=error.message, detail=error.detail_for_log),
        )

    def _say_failed(self, attempt: Attempt, failure: Failure, log_why: Callable[[], None]) -> bool:
        """False where nobody wants to know any more: a task that is deleted takes its source along, and that is no trouble to be logged."""
        try:
            self._board.failed(attempt, failure)
        except StaleAttempt:
            _log.info("failed, but no longer wanted", task=attempt.task_id, attempt=attempt.number, code=failure.code)
            return False
        except Refused as error:
            log_why()
            _log.error("the API refuses to hear of a failure", task=attempt.task_id, detail=error.detail_for_log)
        except Unreachable:
            log_why()
            raise
        else:
            log_why()
        return True

    def _say_released(self, attempt: Attempt) -> None:
        try:
            self._board.release(attempt)
        except StaleAttempt:
            _log.info(
                "stopped, and no longer wanted",
                task=attempt.task_id,
                attempt=attempt.number,
            )


@contextmanager
def _kept_alive(board: Board, attempt: Attempt, fraction: float) -> Iterator[None]:
    """Renew the lease meanwhile: fetching, hashing and storing gigabytes takes longer than a lease and can't be interrupted for a word."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(_RENEW_SECONDS):
            try:
                board.progress(attempt, fraction)
            except StaleAttempt:
                return  # the board says so again at the next progress, or when the result is to be made the task's
            except Exception:  # noqa: BLE001 - an unanswered renewal is followed by another
                _log.exception("the lease isn't renewed", task=attempt.task_id, attempt=attempt.number)

    renewing = threading.Thread(target=renew, name="lease")
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()


class _Reporter:
    """Passes progress on to the board, not too often; the answer says whether to go on."""

    def __init__(self, board: Board, attempt: Attempt, is_out_of_time: Callable[[], bool]) -> None:
        self._board = board
        self._attempt = attempt
        self._is_out_of_time = is_out_of_time
        self._reported_at = time.monotonic()

    def tick(self, fraction: float) -> bool:
        """False when the worker must give the task back; raises ``StaleAttempt`` when it was taken away."""
        if self._is_out_of_time():
            return False
        self._report(fraction, _REPORT_SECONDS)
        return True

    def last_word(self) -> None:
        """Before publishing: a fenced attempt leaves nothing in the storage, and raises ``StaleAttempt``.

        Of one that was begun, or heard of, a moment ago nobody asks again, which costs as much as a short clip's encoder: what it then
        published in vain has no row, and is swept.
        """
        self._report(1.0, _RENEW_SECONDS)

    def _report(self, fraction: float, pause_seconds: float) -> None:
        moment = time.monotonic()
        if moment - self._reported_at >= pause_seconds:
            self._reported_at = moment
            self._board.progress(self._attempt, fraction)
