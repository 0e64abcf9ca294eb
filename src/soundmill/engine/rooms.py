"""Directories that a process which converts many files works in. What a killed server leaves is removed by the next one on this machine."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_PREFIX = "soundmill-rooms-"
_LOCK = "lock"


class Rooms:
    """Below the directory for temporary files, for their owner only."""

    def __init__(self) -> None:
        self._directory: Path | None = None
        self._lock: BinaryIO | None = None
        self._count = 0

    def new(self) -> Path:
        """An empty one. Raises ``OSError`` where none can be made."""
        if self._directory is None:
            _sweep()
            directory = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
            self._lock = (directory / _LOCK).open("wb")
            # Of this process alone: one that it forks neither has it nor can give it up.
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._directory = directory
        self._count += 1
        room = self._directory / str(self._count)
        room.mkdir(mode=0o700)
        return room

    def close(self) -> None:
        """Remove all of them."""
        if self._directory is not None and self._lock is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._lock.close()
            self._directory = None


def empty(room: Path) -> None:
    """Remove what is in it: files only, for more can't be made there. Raises ``OSError``."""
    for each in list(room.iterdir()):
        each.unlink()


def _sweep() -> None:
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Another's, another user's, or just being made.
        with suppress(OSError), (directory / _LOCK).open("r+b") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
