"""Why a conversion ended without a result. These become a task's ``error`` and the CLI's message."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from soundmill.model.errors import SoundmillError

LONGEST_MESSAGE = 2000
"""In characters."""


class FailureCode(StrEnum):
    """Stable codes of failed conversions."""

    UNSUPPORTED_INPUT = "unsupported_input"
    EMPTY_INPUT = "empty_input"
    TOO_LONG = "too_long"
    NO_AUDIO = "no_audio"
    DAMAGED_INPUT = "damaged_input"
    UNSUITABLE_OPTIONS = "unsuitable_options"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    CPU_LIMIT = "cpu_limit"
    VERIFICATION_FAILED = "verification_failed"
    CRASHED = "crashed"
    WORKER_LOST = "worker_lost"
    STORAGE = "storage"
    TOO_NEW = "too_new"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt: a stable code, a sentence for people, and whether trying again can help.

    A damaged file stays damaged: not retryable. A crash or a lost worker may be the machine's fault: retryable,
    up to the limit of attempts.
    """

    code: FailureCode
    message: str
    retryable: bool = False


class ConversionError(SoundmillError):
    """Raised by the engine. FFmpeg's own text goes into ``detail_for_log``, never into the message."""

    code = "conversion_failed"

    def __init__(
        self,
        failure_code: FailureCode,
        message: str,
        *,
        retryable: bool = False,
        detail_for_log: str = "",
    ) -> None:
        # FFmpeg's names of codecs and tags may be in it, which come from the file: no database takes a NUL.
        sentence = message.replace("\0", "")[:LONGEST_MESSAGE]
        super().__init__(sentence, detail_for_log=detail_for_log)
        self.failure = Failure(failure_code, sentence, retryable)


class ConversionStopped(SoundmillError):
    """The caller asked to stop (cancelled, fenced off or draining); there is no result and no failure."""

    code = "stopped"
