"""The work directories of attempts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import BufferedReader
from pathlib import Path

import structlog

from soundmill.adapters.storage.disk import disk_now, our_errors, plain_file
from soundmill.model.errors import NotFound, StorageError
from soundmill.model.tasks import Attempt

_log = structlog.get_logger()


class Scratches:
    """``<directory>/<task>-<attempt>/`` each."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def scratch(self, attempt: Attempt) -> Iterator[Path]:
        """See :class:`soundmill.service.ports.Workbench`."""
        directory = self.path(attempt)
        try:
            with our_errors("make a work directory"):
                for earlier in self._attempts_of(attempt.task_id, up_to=attempt.number):
                    self.sweep(earlier)
                directory.mkdir(mode=0o700)
        except NotFound as error:
            raise StorageError("The place to work in is away.", detail_for_log=error.detail_for_log) from error
        try:
            yield directory
        finally:
            self.sweep(attempt)

    def scratches(self, older_than: timedelta) -> Iterator[Attempt]:
        """See :class:`soundmill.service.ports.Workbench`."""
        with our_errors("list work directories"):
            oldest_new = disk_now(self._directory) - older_than.total_seconds()
            with os.scandir(self._directory) as entries:
                for entry in entries:
                    attempt = _attempt_of(entry.name)
                    with suppress(FileNotFoundError):
                        if attempt and _last_touched(entry) <= oldest_new:
                            yield attempt

    def sweep(self, attempt: Attempt) -> None:
        """See :class:`soundmill.service.ports.Workbench`. What can't be removed yet (a file still open over NFS) is left for the next round."""
        remove(self.path(attempt))

    def path(self, attempt: Attempt) -> Path:
        """The work directory of ``attempt``."""
        return self._directory / f"{attempt.task_id:d}-{attempt.number:d}"

    @contextmanager
    def result(self, attempt: Attempt, path: Path) -> Iterator[BufferedReader]:
        """The result of ``attempt``, to be read and kept.

        Raises ``StorageError`` for anything but a regular file directly in the attempt's work directory.
        """
        if path.parent != self.path(attempt):
            raise StorageError("The result isn't where it was to be made.")
        with plain_file(path) as stream:
            yield stream

    def _attempts_of(self, task_id: int, up_to: int) -> list[Attempt]:
        found = (_attempt_of(each.name) for each in self._directory.iterdir())
        return [each for each in found if each and each.task_id == task_id and each.number <= up_to]


def remove(path: Path) -> None:
    """A file, or a directory with all that is in it; a missing one is no error. What can't be removed yet stays, and is logged."""
    try:
        if path.is_file():
            path.unlink(missing_ok=True)
        else:
            shutil.rmtree(path, onexc=_unless_missing)
    except OSError as error:
        _log.warning("a work directory can't be removed yet", directory=str(path), detail=str(error))


def _attempt_of(name: str) -> Attempt | None:
    """The attempt whose work directory has this name."""
    task_id, _, number = name.partition("-")
    if not (task_id.isdecimal() and number.isdecimal()):
        return None
    return Attempt(int(task_id), int(number))


def _last_touched(directory: os.DirEntry[str]) -> float:
    """The latest change of the directory or of a file in it: a long conversion writes into one file only."""
    latest = directory.stat(follow_symlinks=False).st_mtime
    with os.scandir(directory.path) as entries:
        return max([latest, *(each.stat(follow_symlinks=False).st_mtime for each in entries)])


def _unless_missing(function: object, path: str, error: BaseException) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
