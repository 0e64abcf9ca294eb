"""Where bytes live, seen by the API (:class:`Storage`) and by a worker (:class:`Workbench`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

from soundmill.model.tasks import Attempt


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes that are safe: fsynced and visible whole under ``key``. ``sha256`` in lower-case hex."""

    key: str
    size: int
    sha256: str


class Incoming(Protocol):
    """A file on its way in. Invisible until :meth:`commit`; gone without a trace after :meth:`abort`."""

    def write(self, data: bytes) -> int:
        """Append. Raises ``NoRoom`` when the disk is full, ``TooLarge`` past the limit it was created with."""
        ...

    def commit(self) -> StoredFile:
        """Fsync, make visible by one atomic step, fsync the directory. May be called once."""
        ...

    def abort(self) -> None:
        """Forget it. Does nothing after a commit; may be called twice."""
        ...


class Storage(Protocol):
    """Files by key. Keys are made here; nothing of a user's file name gets into a path."""

    def create(self, size_limit: int, expected_size: int = 0) -> Incoming:
        """Begin to receive a file of at most ``size_limit`` bytes.

        Raises ``NoRoom`` at once when ``expected_size`` plus the reserve isn't free, ``StorageError`` when the storage is away.
        """
        ...

    def open(self, key: str) -> BinaryIO:
        """Open for reading from the start, seekable. Raises ``NotFound``."""
        ...

    def delete(self, key: str) -> None:
        """Remove; a missing key is no error."""
        ...

    def keys(self, older_than: timedelta) -> Iterator[str]:
        """Every visible file last written at least that long ago, in no order, without holding all in memory."""
        ...

    def sweep_incoming(self, older_than: timedelta) -> int:
        """Remove uploads that broke off and weren't written to for at least that long. Gives how many."""
        ...

    def check(self) -> None:
        """Prove that it can be written now. Raises ``StorageError`` or ``NoRoom``."""
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """How large a storage is, and how much of it is free for files."""

    free_bytes: int
    size_bytes: int


class StorageMark(Protocol):
    """The storage's own word of which one it is."""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        ...

    def read(self) -> str | None:
        """Its identity (32 hex digits), or ``None`` while it has none. Raises ``ConfigurationError`` when it can't be read."""
        ...

    def write(self, identity: str) -> None:
        """Mark it; of several at once the first wins."""
        ...


class StorageRecord(Protocol):
    """The database's word of which storage its rows speak of."""

    def get(self) -> tuple[str, bool] | None:
        """The identity, and whether the storage was marked with it; ``None`` in a database that is new."""
        ...

    def choose(self) -> tuple[str, bool]:
        """As :meth:`get`, with a new identity when there is none; of several at once the first wins."""
        ...

    def note_marked(self) -> None:
        """From now on a storage without the mark is the wrong one."""
        ...


class Workbench(Protocol):
    """What a worker needs of the storage: the source as a local file, a place to work, a way to publish."""

    def source(self, key: str) -> AbstractContextManager[Path]:
        """The source as a readable local file while the context lasts. Raises ``NotFound``."""
        ...

    def scratch(self, attempt: Attempt) -> AbstractContextManager[Path]:
        """An empty directory for this attempt alone, removed with all that is in it at the end.

        Leftovers of the same task's earlier attempts are removed first.
        """
        ...

    def publish(self, attempt: Attempt, result: Path) -> StoredFile:
        """Hash, fsync and rename ``result`` (inside the attempt's scratch) into the storage: whole or not at all."""
        ...

    def lend(self, path: Path, most_bytes: int) -> str:
        """Let other workers read this file by the key that it gives, until :meth:`collect` or :meth:`drop`. Nothing is written to it any more.

        It isn't made safe: a crash may lose it, and the janitor removes it after a while, as it does all files without a row. Raises
        ``StorageError`` for anything but a regular file of at most ``most_bytes``.
        """
        ...

    def collect(self, key: str, path: Path) -> None:
        """Bring what was lent to ``path`` on this machine, in place of what may be there. Nobody else can read it then. Raises ``NotFound``."""
        ...

    def drop(self, key: str) -> None:
        """Nobody needs what was lent any more; a missing key is no error."""
        ...

    def blank(self) -> AbstractContextManager[Path]:
        """An empty file to be written while the context lasts, which is gone afterwards."""
        ...

    def scratches(self, older_than: timedelta) -> Iterator[Attempt]:
        """Attempts that left a scratch directory behind, untouched for at least that long."""
        ...

    def sweep(self, attempt: Attempt) -> None:
        """Remove the scratch directory of a dead attempt; a missing one is no error."""
        ...
