"""What a hijacked conversion could do: next to nothing. Tried in a forked process that confines itself."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from soundmill.engine.job import Limits
from soundmill.engine.sandbox.confinement import confine, confine_encoder, gaps

LIMITS = Limits(memory_bytes=4 << 30, cpu=timedelta(seconds=20), output_bytes=1 << 20)


class Cell:
    """A file to read and a directory to write to, and a process that may do no more."""

    def __init__(self, directory: Path) -> None:
        self.source = directory / "source"
        self.work = directory / "work"
        self.secret = directory / "secret"
        self.work.mkdir()
        for path in (self.source, self.secret):
            path.write_text(path.name)

    def outcome(self, attempt: Callable[[], object]) -> str:
        """What came of it inside: ``did it``, or the name of the error."""
        return self._outcome(attempt, lambda: confine([self.source], self.work, LIMITS))

    def outcome_in_encoder(self, attempt: Callable[[], object]) -> str:
        """The same for one of two encoders."""
        return self._outcome(attempt, lambda: confine_encoder(LIMITS, 2))

    def _outcome(self, attempt: Callable[[], object], confine_it: Callable[[], None]) -> str:
        readable, writable = os.pipe()
        process = os.fork()
        if process == 0:
            said = "did it"
            # What the process of the tests has open doesn't count against the limit.
            os.closerange(3, writable)
            os.closerange(writable + 1, 65_536)
            try:
                confine_it()
                attempt()
            except BaseException as error:  # noqa: BLE001 - its name is the outcome
                said = type(error).__name__
            os.write(writable, said.encode())
            os._exit(0)
        os.close(writable)
        with open(readable, "rb") as stream:
            said = stream.read().decode()
        _, status = os.waitpid(process, 0)
        return said or signal.Signals(os.WTERMSIG(status)).name


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    return Cell(tmp_path)


def test_this_machine_can_confine() -> None:
    assert gaps() == ()


def test_the_source_is_read_and_the_directory_written(cell: Cell) -> None:
    def work() -> None:
        assert cell.source.read_text() == "source"
        (cell.work / "result").write_text("result")
        assert (cell.work / "result").read_text() == "result"
        (cell.work / "result").unlink()

    assert cell.outcome(work) == "did it"


def test_random_numbers_are_read_and_not_written(cell: Cell) -> None:
    def draw() -> None:
        with Path("/dev/urandom").open("rb") as stream:
            assert len(stream.read(4)) == 4

    assert cell.outcome(draw) == "did it"
    assert cell.outcome(lambda: Path("/dev/urandom").write_bytes(b"mine")) == "PermissionError"


@pytest.mark.parametrize(
    "attempt",
    [
        lambda cell: cell.secret.read_text(),
        lambda cell: Path("/etc/passwd").read_text(),
        lambda cell: list(Path("/").iterdir()),
        lambda cell: cell.source.write_text("changed"),
        lambda cell: (cell.work.parent / "new").write_text("new"),
        lambda cell: cell.secret.unlink(),
        lambda cell: (cell.work / "link").symlink_to("/etc/passwd"),
        lambda cell: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        lambda cell: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        lambda cell: socket.socket(socket.AF_UNIX),
        lambda cell: socket.socketpair(),
        lambda cell: os.fork(),
        lambda cell: os.kill(os.getppid(), 0),
        lambda cell: os.execv("/bin/true", ["true"]),
        lambda cell: subprocess.run(["/bin/true"], check=True),
        lambda cell: cell.secret.chmod(0o600),
        lambda cell: os.fchmod(os.open(cell.work / "own", os.O_CREAT), 0o600),
        lambda cell: os.chown(cell.secret, os.getuid(), os.getgid()),
        lambda cell: os.utime(cell.secret),
        lambda cell: os.setxattr(cell.secret, "user.mine", b"1"),
        lambda cell: os.removexattr(cell.secret, "user.mine"),
        lambda cell: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19),
        lambda cell: os.sched_setaffinity(os.getppid(), {0}),
        lambda cell: resource.prlimit(os.getppid(), resource.RLIMIT_CORE),
    ],
)
def test_everything_else_is_refused(cell: Cell, attempt: Callable[[Cell], object]) -> None:
    assert cell.outcome(lambda: attempt(cell)) == "PermissionError"


@pytest.mark.parametrize(
    "attempt",
    [
        lambda cell: cell.source.read_text(),
        lambda cell: (cell.work / "new").write_text("new"),
        lambda cell: list(cell.work.iterdir()),
        lambda cell: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        lambda cell: os.fork(),
        lambda cell: os.kill(os.getppid(), 0),
        lambda cell: os.execv("/bin/true", ["true"]),
    ],
)
def test_an_encoder_has_not_even_the_files_of_its_conversion(cell: Cell, attempt: Callable[[Cell], object]) -> None:
    assert cell.outcome_in_encoder(lambda: attempt(cell)) == "PermissionError"


def test_an_encoder_works_in_less_memory(cell: Cell) -> None:
    assert cell.outcome_in_encoder(lambda: bytearray(600 << 20)) == "MemoryError"


def test_it_may_look_at_its_own_limits_and_abort(cell: Cell) -> None:
    assert cell.outcome(lambda: resource.prlimit(0, resource.RLIMIT_CORE)) == "did it"
    assert cell.outcome(lambda: resource.getrlimit(resource.RLIMIT_AS)) == "did it"
    assert cell.outcome(os.abort) == "SIGABRT"


def test_memory_and_file_size_are_limited(cell: Cell) -> None:
    assert cell.outcome(lambda: bytearray(5 << 30)) == "MemoryError"
    assert cell.outcome(lambda: (cell.work / "large").write_bytes(bytes(2 << 20))) == "SIGXFSZ"


def test_tracing_another_process_is_refused(cell: Cell) -> None:
    def attach() -> None:
        attach_request = 16
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ptrace(attach_request, os.getppid(), 0, 0) < 0:
            raise PermissionError(ctypes.get_errno(), "ptrace")

    assert cell.outcome(attach) == "PermissionError"


def test_a_link_in_the_work_directory_leads_nowhere(cell: Cell) -> None:
    (cell.work / "link").symlink_to(cell.secret)
    assert cell.outcome(lambda: (cell.work / "link").read_text()) == "PermissionError"
