"""File operations as a directory on NFS needs them: retried when a handle is stale, durable, with our errors.

No file locks anywhere: on NFS they hang with a dead client, and nothing here needs one. What must be atomic is a rename.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from soundmill.adapters.storage.told import no_such_file, storage_full
from soundmill.model.errors import NotFound, StorageError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_STALE_PAUSES_SECONDS = (0.0, 0.01, 0.05, 0.2, 0.5)


@contextmanager
def our_errors(doing: str) -> Iterator[None]:
    """Turn the system's errors into ours: ``doing`` completes “The storage can't …”.

    Raises ``NoRoom`` for a full disk or quota, ``NotFound`` for a missing file, ``StorageError`` for all else.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise storage_full(str(error)) from error
        if error.errno in (errno.ENOENT, errno.ELOOP):
            raise no_such_file(str(error)) from error
        reason = error.strerror or type(error).__name__
        raise StorageError(f"The storage can't {doing}: {reason}.", detail_for_log=str(error)) from error


def retried[T](call: Callable[[], T]) -> T:
    """``call()``, again while it fails with ESTALE: NFS says so when another machine has just replaced a directory entry."""
    for pause_seconds in _STALE_PAUSES_SECONDS:
        try:
            return call()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
        time.sleep(pause_seconds)
    return call()


def sync_directory(directory: Path) -> None:
    """Make the directory's entries survive a power cut."""

    def sync() -> None:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    retried(sync)


def move_durably(source: Path, target: Path) -> None:
    """As :func:`move`, and make it survive a power cut."""
    move(source, target)
    sync_directory(target.parent)


def move(source: Path, target: Path) -> None:
    """Rename within the file system; makes ``target``'s directory if need be."""
    inode = retried(lambda: source.stat(follow_symlinks=False)).st_ino
    try:
        _rename(source, target, inode)
    except FileNotFoundError:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        sync_directory(target.parent.parent)
        _rename(source, target, inode)


def remove_durably(path: Path) -> None:
    """Unlink; a missing file is no error. Not synced: a file that comes back after a power cut is swept again."""
    with suppress(FileNotFoundError):
        retried(path.unlink)


@contextmanager
def plain_file(path: Path) -> Iterator[BufferedReader]:
    """A file that a confined process wrote, to be read: ``path`` may be anything by now, also a link to a file of ours.

    Raises ``StorageError`` for anything but a regular file.
    """
    try:
        with our_errors("read a file"):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except NotFound as error:
        raise StorageError("The file is not there.") from error
    with os.fdopen(descriptor, "rb") as stream, our_errors("read a file"):
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            raise StorageError("The file is not a plain one.")
        yield stream


def disk_now(directory: Path) -> float:
    """Seconds since the epoch by the clock of the file system, which stamps the files: an NFS server's may differ from ours."""
    probe = directory / f".clock-{os.getpid()}-{time.monotonic_ns()}"
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        return os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)
        probe.unlink(missing_ok=True)


def _rename(source: Path, target: Path, inode: int) -> None:
    try:
        retried(lambda: source.rename(target))
    except FileNotFoundError:
        # Over NFS the answer of a rename can be lost: the repeated request finds the source gone, because it worked.
        if not _is_inode(target, inode):
            raise


def _is_inode(path: Path, inode: int) -> bool:
    try:
        return retried(lambda: path.stat(follow_symlinks=False)).st_ino == inode
    except FileNotFoundError:
        return False
