"""A task: its states, the transitions between them, and an attempt at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from soundmill.model.conversion import Failure, FailureCode
from soundmill.model.options import ConversionOptions


class TaskStatus(StrEnum):
    """``uploaded`` means waiting; the last three are final until a person asks for more."""

    UPLOADED = "uploaded"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """True when only a person's request can change it."""
        return self in FINAL


_PAUSES_OF_AN_AGE = 20
_LONGEST_STORAGE_PAUSES = 40
_NOBODYS_TRY = frozenset({FailureCode.STORAGE, FailureCode.TOO_NEW})

FINAL = frozenset({TaskStatus.PROCESSED, TaskStatus.FAILED, TaskStatus.CANCELLED})
RETRYABLE = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED})
CANCELLABLE = frozenset({TaskStatus.UPLOADED, TaskStatus.PROCESSING})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One worker's try at one task. ``number`` is the fencing token: it only ever grows for a task."""

    task_id: int
    number: int


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A source: its key in the storage, and what people call it."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker gets with a claim: all that it needs to convert, and the attempt that it speaks for."""

    attempt: Attempt
    sources: tuple[NamedKey, ...]
    """One, or all that are joined, in their order."""
    new_format: str
    options: ConversionOptions
    source_format: str = ""
    """As its file name says, for figures; nothing is decided by it."""
    traceparent: str | None = None
    """Of the request that asked for it (W3C Trace Context); nothing is decided by it."""
    account: str = ""
    """Whose it is, as one word; none where the API doesn't say."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """After a failed try: the pause before the next, or ``None`` for the end; and whether the try counts."""

    pause: timedelta | None
    counts: bool = True


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often a task is tried and how long the pauses are: ``first_pause`` doubles with every try.

    A full disk, a storage that is away or a file that is missing there is nobody's try, nor is an option that a worker is too old
    for: it is waited out until the task is ``storage_patience`` old. Its pauses begin with ``storage_pause`` and grow with the task's age to forty times that: a
    thousand that nobody can convert must not keep the workers from those that somebody can.
    """

    most_tries: int = 3
    first_pause: timedelta = timedelta(seconds=5)
    longest_pause: timedelta = timedelta(minutes=10)
    storage_pause: timedelta = timedelta(seconds=15)
    storage_patience: timedelta = timedelta(days=1)

    def after(self, failure: Failure, tries: int, age: timedelta) -> Verdict:
        """What becomes of a task of that ``age`` whose try number ``tries`` (1 or more) ended with ``failure``."""
        if failure.retryable and failure.code in _NOBODYS_TRY:
            longest = _LONGEST_STORAGE_PAUSES * self.storage_pause
            pause = min(max(self.storage_pause, age / _PAUSES_OF_AN_AGE), longest)
            return Verdict(None if age >= self.storage_patience else pause, counts=False)
        if not failure.retryable or tries >= self.most_tries:
            return Verdict(None)
        doubled = self.first_pause * (1 << min(tries - 1, 20))
        return Verdict(min(doubled, self.longest_pause))


TOO_NEW = Failure(
    FailureCode.TOO_NEW, "What was asked for is known to newer versions of soundmill only.", retryable=True
)
"""The failure of an attempt by a version that is too old for it, as there may be one while others are upgraded already."""


def lost_worker(tries: int) -> Failure:
    """The failure of an attempt whose lease ran out."""
    times = "once" if tries == 1 else f"{tries} times"
    return Failure(
        FailureCode.WORKER_LOST,
        f"The conversion was started {times} and its worker was lost each time before it could finish.",
        retryable=True,
    )


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The stored bytes of a source or a result."""

    name: str
    key: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SourceView:
    """One of several joined sources, and its sound once it was decoded."""

    file: FileFacts
    sound: dict[str, Any] | None


@dataclass(frozen=True, slots=True, weakref_slot=True)
class TaskView:
    """A task as its owner sees it. Where several sources are joined, ``joined`` are all of them in their order, and ``source`` is the first."""

    id: int
    file_name: str
    source_format: str
    new_format: str
    result_name: str
    status: TaskStatus
    progress: float
    options: dict[str, Any]
    source: FileFacts
    source_sound: dict[str, Any] | None
    result: FileFacts | None
    result_sound: dict[str, Any] | None
    not_carried: tuple[str, ...]
    attempts: int
    error_code: str | None
    error_message: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    joined: tuple[SourceView, ...] = ()

    def __hash__(self) -> int:
        return hash((self.id, self.status, self.progress))  # the rest of it is compared

    @property
    def source_files(self) -> tuple[FileFacts, ...]:
        """One, or all that are joined."""
        return tuple(each.file for each in self.joined) or (self.source,)
