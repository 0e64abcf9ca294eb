"""Where a command's results are made: beside their places, so that a rename makes each appear whole."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_PREFIX = ".soundmill-work-"
# A command on another machine may work there, whose locks can't be seen on every file system.
_OLD_SECONDS = 86_400


@contextmanager
def work_directory(beside: Path) -> Iterator[Path]:
    """A new one, in the result's own file system. Raises ``OSError``."""
    beside.mkdir(parents=True, exist_ok=True)
    _sweep(beside)
    try:
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=beside)).resolve()
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(beside)) from error
    try:
        with _locked(directory):
            yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@cache
def _sweep(beside: Path) -> None:
    """Remove what commands that were killed have left there."""
    for directory in beside.glob(f"{_PREFIX}*"):
        # Another's, one that is worked in, or none of ours.
        with suppress(OSError):
            about = directory.stat(follow_symlinks=False)
            if about.st_uid == os.geteuid() and about.st_mtime < time.time() - _OLD_SECONDS:
                with _locked(directory, must_be=True):
                    shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _locked(directory: Path, *, must_be: bool = False) -> Iterator[None]:
    """For this process alone, where its file system has locks. Raises ``OSError`` where it ``must_be`` and isn't."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with suppress(*([] if must_be else [OSError])):
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(opened)
