"""The doorbell of one machine: a named pipe, one byte a task."""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from soundmill.model.errors import ConfigurationError

_MOST_RINGS = select.PIPE_BUF
"""So many bytes are written whole or not at all; with so many unheard rings no worker sleeps anyway."""
# Of exFAT, SMB, sshfs and the like: a file system that has no named pipes.
_NO_SUCH_THING = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})

_log = structlog.get_logger()


class FifoDoorbell:
    """See :class:`soundmill.service.ports.Doorbell`. For any number of processes of one machine.

    Each ring wakes one waiter; the others sleep on. Nothing is lost while nobody waits: the pipe keeps the bytes. The pipe is
    opened at the first use, so that a process that was forked before may use it too. It can't ring across machines. Where the file
    system has no named pipes, no ring leaves the process: who waits then sleeps until its time is over.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def ring(self, task_ids: tuple[int, ...]) -> None:
        """See the port. A full pipe means thousands of unheard rings: one more would say nothing new."""
        try:
            os.write(self._pipe, bytes(min(len(task_ids), _MOST_RINGS)))
        except BlockingIOError:
            pass
        except (OSError, ConfigurationError) as error:
            # Workers look for due rows by themselves as well: the work is late, not lost.
            _log.warning("the doorbell is broken", path=str(self._path), detail=str(error))

    def unheard(self) -> None:
        """See the port: workers of one machine look for due rows by themselves."""

    def wait(self, timeout: timedelta, woken: int | None = None) -> None:
        """See the port. ``woken`` is a descriptor that becomes readable at a signal (``signal.set_wakeup_fd``); it is emptied."""
        until = time.monotonic() + timeout.total_seconds()
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        if woken is not None:
            poll.register(woken, select.POLLIN)
        while (left := until - time.monotonic()) > 0:
            ready = {descriptor for descriptor, _ in poll.poll(left * 1000)}
            if self._ends_the_wait(ready, woken):
                return

    def close(self) -> None:
        """Let go of the pipe; the next use opens it again."""
        if "_pipe" in self.__dict__:
            os.close(self._pipe)
            del self._pipe

    def _ends_the_wait(self, ready: Collection[int], woken: int | None) -> bool:
        if woken is not None and woken in ready:
            with suppress(BlockingIOError):
                os.read(woken, 4096)
            return True
        if self._pipe not in ready:
            return False
        try:
            # One byte only: the others are for the other workers.
            return bool(os.read(self._pipe, 1))
        except BlockingIOError:
            return False  # another worker was faster: sleep on

    @cached_property
    def _pipe(self) -> int:
        try:
            with suppress(FileExistsError):
                os.mkfifo(self._path, 0o600)
            descriptor = _opened(self._path)
        except OSError as error:
            if error.errno in _NO_SUCH_THING:
                _log.warning("no named pipe can be made: workers look for work every second", path=str(self._path))
                return _nameless()
            raise ConfigurationError(f"Can't use the named pipe {self._path}: {error.strerror}.") from error
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ConfigurationError(f"{self._path} is in the way: remove it, it was to be a named pipe.")
        return descriptor


def _opened(path: Path) -> int:
    # Reading and writing: it never reports end of file, and opening never waits for a partner.
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)


def _nameless() -> int:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "doorbell"
        os.mkfifo(path, 0o600)
        return _opened(path)
