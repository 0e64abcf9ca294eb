"""What a worker does: claims, and how its attempts end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram

from soundmill.model.conversion import Failure, FailureCode
from soundmill.model.errors import StaleAttempt, Unreachable
from soundmill.model.sound import ConversionReport
from soundmill.model.tasks import Assignment, Attempt
from soundmill.service.ports import Board, Seat, Seats, StoredFile

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600, 1800, 7200)
_FACTORS = (1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)

# A file may be called anything, and every value of a label is a series that Prometheus keeps.
_SOURCES = frozenset(
    {
        *(
            "aac",
            "ac3",
            "aif",
            "aiff",
            "alac",
            "amr",
            "ape",
            "au",
            "caf",
            "flac",
            "mp2",
            "mp3",
            "oga",
            "ogg",
            "opus",
            "wav",
        ),
        *(
            "3gp",
            "asf",
            "avi",
            "m4a",
            "m4b",
            "mka",
            "mkv",
            "mov",
            "mp4",
            "mpg",
            "ts",
            "weba",
            "webm",
            "wma",
            "wmv",
            "wv",
        ),
    }
)


class WorkerFigures:
    """Of all workers that count together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        pair = ["source", "target"]
        self.claims = Counter("soundmill_claims", "Tasks that a worker took", registry=registry)
        self.conversions = Counter(
            "soundmill_conversions",
            "Attempts that ended, by the source file's extension, the format asked for, and how: processed, failed, "
            "released (the worker stopped), stale (cancelled, changed, deleted or taken over), unheard (the API didn't answer)",
            [*pair, "outcome"],
            registry=registry,
        )
        self.failures = Counter(
            "soundmill_conversion_failures",
            "Attempts that failed, by the reason; cpu_limit, memory_limit, time_limit and output_limit are the sandbox's",
            ["code"],
            registry=registry,
        )
        for code in FailureCode:
            self.failures.labels(code)  # an increase is one from 0, not from nothing
        self.seconds = Histogram(
            "soundmill_conversion_seconds",
            "From the claim to the verified and published result",
            ["target"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.pieces = Counter(
            "soundmill_pieces",
            "Pieces of very long files that free workers were given (lent), and that these encoded (answered)",
            ["step"],
            registry=registry,
        )
        for step in ("lent", "answered"):
            self.pieces.labels(step)
        self.sound_seconds = Counter(
            "soundmill_converted_sound_seconds", "Length of the sources that were processed", pair, registry=registry
        )
        self.realtime_factor = Histogram(
            "soundmill_conversion_realtime_factor",
            "Seconds of sound that were processed per second, of each source",
            ["target"],
            buckets=_FACTORS,
            registry=registry,
        )


class MeteredBoard:
    """The :class:`~soundmill.service.ports.Board` of one worker, which counts what passes."""

    def __init__(self, board: Board, figures: WorkerFigures) -> None:
        self._board = board
        self._figures = figures
        self._running: dict[Attempt, tuple[Assignment, float]] = {}

    def claim(self, owner: str, task_id: int | None = None) -> Assignment | None:
        """See the port."""
        assignment = self._board.claim(owner, task_id)
        if assignment is not None and assignment.attempt not in self._running:  # given again: see the port
            self._figures.claims.inc()
            self._running[assignment.attempt] = assignment, time.monotonic()
        return assignment

    def progress(self, attempt: Attempt, fraction: float) -> None:
        """See the port."""
        with self._heard(attempt):
            self._board.progress(attempt, fraction)

    def processed(self, attempt: Attempt, result: StoredFile, report: ConversionReport) -> None:
        """See the port."""
        with self._heard(attempt):
            self._board.processed(attempt, result, report)
        if running := self._ended(attempt, "processed"):
            assignment, seconds = running
            sound = report.source.duration
            self._figures.seconds.labels(assignment.new_format).observe(seconds)
            self._figures.sound_seconds.labels(*_pair(assignment)).inc(sound)
            self._figures.realtime_factor.labels(assignment.new_format).observe(sound / seconds)

    def failed(self, attempt: Attempt, failure: Failure) -> None:
        """See the port."""
        with self._heard(attempt):
            self._board.failed(attempt, failure)
        if self._ended(attempt, "failed"):
            self._figures.failures.labels(failure.code).inc()

    def release(self, attempt: Attempt) -> None:
        """See the port."""
        with self._heard(attempt):
            self._board.release(attempt)
        self._ended(attempt, "released")

    @contextmanager
    def _heard(self, attempt: Attempt) -> Iterator[None]:
        try:
            yield
        except StaleAttempt:
            self._ended(attempt, "stale")
            raise
        except Unreachable:
            self._ended(attempt, "unheard")
            raise

    def _ended(self, attempt: Attempt, outcome: str) -> tuple[Assignment, float] | None:
        """What ended and the seconds since its claim; ``None`` when its end was counted before."""
        found = self._running.pop(attempt, None)
        if found is None:
            return None
        assignment, began = found
        self._figures.conversions.labels(*_pair(assignment), outcome).inc()
        return assignment, max(time.monotonic() - began, timedelta.resolution.total_seconds())


def _pair(assignment: Assignment) -> tuple[str, str]:
    source = assignment.source_format
    return source if source in _SOURCES else "other", assignment.new_format


class MeteredSeats:
    """The :class:`~soundmill.service.ports.Seats` of one worker, which counts the pieces that pass."""

    def __init__(self, seats: Seats, figures: WorkerFigures) -> None:
        self._seats = seats
        self._figures = figures

    def open(self, attempt: Attempt, build: str) -> None:
        """See the port."""
        self._seats.open(attempt, build)

    def taken(self, attempt: Attempt) -> Sequence[Seat]:
        """See the port."""
        return self._seats.taken(attempt)

    def give(self, attempt: Attempt, seat: int, work: str) -> None:
        """See the port."""
        self._seats.give(attempt, seat, work)
        self._figures.pieces.labels("lent").inc()

    def close(self, attempt: Attempt) -> Sequence[Seat]:
        """See the port."""
        return self._seats.close(attempt)

    def take(self, helper: str, build: str) -> bool:
        """See the port."""
        return self._seats.take(helper, build)

    def next_work(self, helper: str) -> Seat | None:
        """See the port."""
        return self._seats.next_work(helper)

    def answer(self, helper: str, work: Seat, answer: str) -> None:
        """See the port."""
        self._seats.answer(helper, work, answer)
        self._figures.pieces.labels("answered").inc()

    def leave(self, helper: str) -> None:
        """See the port."""
        self._seats.leave(helper)
