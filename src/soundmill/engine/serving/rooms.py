"""Directories that a process which converts many files works in. What a killed server leaves is removed by the next one on this machine."""

from __future__ import annotations

import fcntl
import os
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
        """An empty one. Raises ``OSError`` where none can be made; the next time all is begun anew."""
        try:
            self._count += 1
            room = self._locked_directory() / str(self._count)
            room.mkdir(mode=0o700)
        except OSError:
            # Temporary files that are old go, on many machines, while a server lives for weeks.
            self.close()
            raise
        return room

    def close(self) -> None:
        """Remove all of them."""
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _locked_directory(self) -> Path:
        if self._directory is None:
            _sweep()
            self._directory = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
            self._lock = (self._directory / _LOCK).open("wb")
            # Of this process alone: one that it forks hasn't it.
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self._directory


def empty(room: Path) -> None:
    """Remove what is in it: files only, for more can't be made there. Raises ``OSError``."""
    for each in list(room.iterdir()):
        each.unlink()


def _sweep() -> None:
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Another's, or just being made.
        with suppress(OSError):
            if directory.stat(follow_symlinks=False).st_uid == os.geteuid():
                with (directory / _LOCK).open("r+b") as lock:
                    fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(directory, ignore_errors=True)
