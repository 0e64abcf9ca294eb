"""Where a worker works: in the storage's own file system, so that publishing is a rename and copies nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import structlog

from soundmill.adapters.storage.disk import disk_now, move_durably, our_errors, retried
from soundmill.adapters.storage.keys import new_key
from soundmill.adapters.storage.layout import Layout, attempt_of
from soundmill.model.errors import NotFound, StorageError
from soundmill.model.tasks import Attempt
from soundmill.service.ports import StoredFile

_log = structlog.get_logger()


class DirectoryWorkbench:
    """See :class:`soundmill.service.ports.Workbench`."""

    def __init__(self, root: Path) -> None:
        self._layout = Layout.prepared(root)

    @contextmanager
    def source(self, key: str) -> Iterator[Path]:
        """See the port. It is the stored file itself: read it, never write to it."""
        path = self._layout.file(key)
        with our_errors("read a file"):
            retried(lambda: path.stat(follow_symlinks=False))
        yield path

    @contextmanager
    def scratch(self, attempt: Attempt) -> Iterator[Path]:
        """See the port."""
        directory = self._layout.scratch(attempt)
        with our_errors("make a work directory"):
            for earlier in self._attempts_of(attempt.task_id, up_to=attempt.number):
                self.sweep(earlier)
            directory.mkdir(mode=0o700)
        try:
            yield directory
        finally:
            self.sweep(attempt)

    def publish(self, attempt: Attempt, result: Path) -> StoredFile:
        """See the port. Raises ``StorageError`` for anything but a regular file directly in the attempt's scratch."""
        if result.parent != self._layout.scratch(attempt):
            raise StorageError("The result isn't where it was to be made.")
        key = new_key()
        try:
            with our_errors("keep a result"):
                size, sha256 = _made_safe(result)
                # A crash before the rename leaves the scratch, after it a file without a row: both are swept.
                move_durably(result, self._layout.file(key))
        except NotFound as error:
            raise StorageError("The result is not there.") from error
        return StoredFile(key, size, sha256)

    def scratches(self, older_than: timedelta) -> Iterator[Attempt]:
        """See the port."""
        with our_errors("list work directories"):
            oldest_new = disk_now(self._layout.incoming) - older_than.total_seconds()
            with os.scandir(self._layout.scratches) as entries:
                for entry in entries:
                    attempt = attempt_of(entry.name)
                    with suppress(FileNotFoundError):
                        if attempt and _last_touched(entry) <= oldest_new:
                            yield attempt

    def sweep(self, attempt: Attempt) -> None:
        """See the port. What can't be removed yet (a file still open over NFS) is left for the janitor's next round."""
        directory = self._layout.scratch(attempt)
        try:
            shutil.rmtree(directory, onexc=_unless_missing)
        except OSError as error:
            _log.warning("a work directory can't be removed yet", directory=str(directory), detail=str(error))

    def _attempts_of(self, task_id: int, up_to: int) -> list[Attempt]:
        found = (attempt_of(each.name) for each in self._layout.scratches.iterdir())
        return [each for each in found if each and each.task_id == task_id and each.number <= up_to]


def _made_safe(result: Path) -> tuple[int, str]:
    """Hash and fsync. The file was made by the confined process: it may be anything, also a link to a file of ours."""
    descriptor = os.open(result, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            raise StorageError("The result is not a plain file.")
        os.fchmod(descriptor, 0o600)
        os.utime(descriptor)  # its age counts from here
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        os.fsync(descriptor)
        return facts.st_size, sha256


def _last_touched(directory: os.DirEntry[str]) -> float:
    """The latest change of the directory or of a file in it: a long conversion writes into one file only."""
    latest = directory.stat(follow_symlinks=False).st_mtime
    with os.scandir(directory.path) as entries:
        return max([latest, *(each.stat(follow_symlinks=False).st_mtime for each in entries)])


def _unless_missing(function: object, path: str, error: BaseException) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
