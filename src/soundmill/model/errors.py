"""Everything that can go wrong, in words that a person understands.

Each error has a stable ``code`` (clients branch on it) and a message that says what was wrong and what to do.
How it becomes an HTTP answer, an exit status or a task's ``error`` is decided in one place of each rim.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar


class SoundmillError(Exception):
    """The root. ``str(error)`` is for people; ``detail_for_log`` never leaves the log."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, detail_for_log: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail_for_log = detail_for_log

    @property
    def for_log(self) -> str:
        """What a log tells of it."""
        return self.detail_for_log or self.message


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field of a request, by the name that the client used."""

    field: str
    message: str


class InvalidRequest(SoundmillError):
    """The request can't be understood or asks for what can't be done; nothing was changed."""

    code = "invalid_request"

    def __init__(self, message: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class InvalidOptions(InvalidRequest):
    """Options that the target format doesn't have, out of range, or that exclude each other."""

    code = "invalid_options"


class UnknownFormat(InvalidRequest):
    """A target format that soundmill doesn't write."""

    code = "unknown_format"


class NotAuthenticated(SoundmillError):
    """No token, or one that is wrong, expired or revoked; also a failed login."""

    code = "not_authenticated"


class NotFound(SoundmillError):
    """It doesn't exist, or it is somebody else's: the two are never told apart."""

    code = "not_found"


class AlreadyTaken(SoundmillError):
    """A unique name is in use."""

    code = "already_taken"

    def __init__(self, message: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class WrongState(SoundmillError):
    """The task is in a state in which this can't be done."""

    code = "wrong_state"


class StaleAttempt(SoundmillError):
    """A worker spoke for an attempt that is no longer the current one; it must stop and clean up."""

    code = "stale_attempt"


class KeyReused(SoundmillError):
    """An idempotency key came with another request before."""

    code = "key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with another request before. Use a new key for a new request.")


class WrongStorage(SoundmillError):
    """A worker sees other files than the API."""

    code = "wrong_storage"


class TooLarge(SoundmillError):
    """More bytes than the service takes."""

    code = "too_large"


def file_too_large(size_limit: int) -> TooLarge:
    """It has more than ``size_limit`` bytes."""
    return TooLarge(f"The file is larger than the {size_limit:,} bytes that this service takes.")


class NoRoom(SoundmillError):
    """The storage is full; nothing was accepted."""

    code = "no_room"


class TryLater(SoundmillError):
    """Refused for now: a rate or a cap was reached."""

    code = "try_later"

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OverQuota(TryLater):
    """The account keeps as much as it may; nothing was accepted."""

    code = "over_quota"


class QueueFull(TryLater):
    """As many tasks wait as the service lets wait; nothing was accepted."""

    code = "queue_full"


class Busy(TryLater):
    """Too many requests at once; nothing was accepted."""

    code = "busy"


class StorageError(SoundmillError):
    """The storage didn't do what it was asked: missing file, I/O error."""

    code = "storage_error"


class Refused(SoundmillError):
    """Another part of the service won't ever take what it was told."""

    code = "refused"


class Unreachable(SoundmillError):
    """Another part of the service didn't answer for so long that there is no sense in asking on."""

    code = "unreachable"


class DatabaseFull(Unreachable):
    """The database has no room on its disk; nothing was changed."""

    code = "database_full"


class DatabaseDamaged(Unreachable):
    """The database's file isn't one, or has bytes that it never wrote: only a backup helps."""

    code = "database_damaged"


class ConfigurationError(SoundmillError):
    """The program can't start as it is set up; the message says which setting to change."""

    code = "configuration"
