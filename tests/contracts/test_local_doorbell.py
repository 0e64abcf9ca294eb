"""What a local doorbell guarantees (:class:`soundmill.service.ports.Doorbell` and ``Wake``), with real processes."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import select
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path

import pytest

from soundmill.adapters.doorbell import FifoDoorbell
from soundmill.model.errors import ConfigurationError
from tests.waiting import until

LONG, MOMENT = timedelta(seconds=30), timedelta(milliseconds=20)

_processes = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "doorbell"


@pytest.fixture
def bell(path: Path) -> Iterator[FifoDoorbell]:
    made = FifoDoorbell(path)
    yield made
    made.close()


def heard(bell: FifoDoorbell) -> bool:
    """True when a ring is waiting: it is taken out of the pipe at once, however long a wait was to be."""
    began = time.monotonic()
    bell.wait(LONG)
    return time.monotonic() - began < LONG.total_seconds() / 2


def is_silent(bell: FifoDoorbell) -> bool:
    """True when no ring is waiting."""
    began = time.monotonic()
    bell.wait(MOMENT)
    return time.monotonic() - began >= MOMENT.total_seconds()


def answer_rings(path: Path, parent: Connection) -> None:
    """A waiting worker: says “ready” and then when it woke."""
    bell = FifoDoorbell(path)
    while parent.recv():
        parent.send(None)
        bell.wait(LONG)
        parent.send(time.monotonic())


def wait_for_a_signal(path: Path, parent: Connection) -> None:
    """A waiting worker with a wake descriptor: says how it stopped."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    parent.send(None)
    FifoDoorbell(path).wait(LONG, readable)
    parent.send((stopped, time.monotonic()))


def idle(path: Path, parent: Connection) -> None:
    """A waiting worker: says how much CPU time two seconds of waiting cost."""
    bell = FifoDoorbell(path)
    bell.wait(MOMENT)
    before = time.process_time()
    bell.wait(timedelta(seconds=2))
    parent.send(time.process_time() - before)


def wait_again_and_again(path: Path, parent: Connection) -> None:
    """A worker that hears twenty rings: says how many descriptors its process had before and behind them."""

    def descriptors() -> int:
        return sum(map(_is_open, range(min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 4096))))

    bell = FifoDoorbell(path)
    bell.wait(timedelta(0))
    bell.ring((1,))
    before = descriptors()
    for _ in range(20):
        bell.ring((1,))
        bell.wait(MOMENT)
    parent.send((before, descriptors()))


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


class Waiter:
    """A process that runs one of the functions above."""

    def __init__(self, target: object, path: Path) -> None:
        self.pipe, theirs = _processes.Pipe()
        self.process = _processes.Process(target=target, args=(path, theirs), daemon=True)  # type: ignore[arg-type]
        self.process.start()
        theirs.close()

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


@pytest.fixture
def waiter(request: pytest.FixtureRequest, path: Path) -> Iterator[Waiter]:
    made = Waiter(request.param, path)
    yield made
    made.close()


def until_it_sleeps(process: int) -> None:
    """Return when the process sleeps, where the system tells (Linux)."""
    state = Path(f"/proc/{process}/stat")
    until(lambda: not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "S")


def test_a_ring_before_the_wait_is_heard(bell: FifoDoorbell) -> None:
    bell.ring((1,))
    assert heard(bell)
    assert is_silent(bell)


def test_each_task_rings_once(bell: FifoDoorbell) -> None:
    bell.ring((1, 2, 3))
    assert [heard(bell) for _ in range(3)] == [True, True, True]
    assert is_silent(bell)


def test_ringing_for_no_task_wakes_nobody(bell: FifoDoorbell) -> None:
    bell.ring(())
    assert is_silent(bell)


def test_a_wait_ends_when_the_time_is_over(bell: FifoDoorbell) -> None:
    began = time.monotonic()
    bell.wait(MOMENT)
    assert MOMENT.total_seconds() <= time.monotonic() - began < LONG.total_seconds() / 2


def test_ringing_a_full_pipe_neither_blocks_nor_fails(bell: FifoDoorbell) -> None:
    for _ in range(40):
        bell.ring(tuple(range(10_000)))
    assert heard(bell)


def test_ringing_never_fails(tmp_path: Path) -> None:
    FifoDoorbell(tmp_path / "missing" / "doorbell").ring((1,))


def test_waiting_at_a_broken_doorbell_says_so(path: Path) -> None:
    path.write_text("in the way")
    with pytest.raises(ConfigurationError, match="in the way"):
        FifoDoorbell(path).wait(MOMENT)


def test_where_no_pipes_can_be_who_waits_sleeps_and_who_rings_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = os.mkfifo

    def refuse_there(wanted: Path, mode: int) -> None:
        if wanted == path:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        make(wanted, mode)

    monkeypatch.setattr(os, "mkfifo", refuse_there)
    bell, ringing = FifoDoorbell(path), FifoDoorbell(path)
    ringing.ring(tuple(range(100_000)))
    assert is_silent(bell)
    assert not path.exists()
    bell.close()
    ringing.close()


def test_the_pipe_is_for_its_owner_only(bell: FifoDoorbell, path: Path) -> None:
    bell.ring((1,))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_restarted_program_hears_the_same_doorbell(bell: FifoDoorbell, path: Path) -> None:
    again = FifoDoorbell(path)
    bell.ring((1,))
    assert heard(again)
    again.close()


@pytest.mark.parametrize("waiter", [answer_rings], indirect=True)
def test_a_ring_wakes_a_waiting_process_long_before_its_wait_ends(bell: FifoDoorbell, waiter: Waiter) -> None:
    delays = []
    for _ in range(50):
        waiter.pipe.send(True)
        waiter.pipe.recv()
        until_it_sleeps(waiter.process.pid or 0)
        rung_at = time.monotonic()
        bell.ring((1,))
        delays.append(waiter.pipe.recv() - rung_at)
    assert max(delays) < LONG.total_seconds() / 2


def test_one_ring_wakes_one_of_many_processes(bell: FifoDoorbell, path: Path) -> None:
    waiters = [Waiter(answer_rings, path) for _ in range(3)]
    try:
        for each in waiters:
            each.pipe.send(True)
            each.pipe.recv()
            until_it_sleeps(each.process.pid or 0)
        bell.ring((1,))
        pipes = [each.pipe for each in waiters]
        (woken,) = wait(pipes, LONG.total_seconds())
        rest = [each for each in pipes if each is not woken]
        assert not wait(rest, 0.5)
        bell.ring((2, 3))
        assert all(each.poll(LONG.total_seconds()) for each in rest)
    finally:
        for each in waiters:
            each.close()


@pytest.mark.parametrize("waiter", [wait_for_a_signal], indirect=True)
def test_a_signal_ends_the_wait_at_once(waiter: Waiter) -> None:
    waiter.pipe.recv()
    until_it_sleeps(waiter.process.pid or 0)
    sent_at = time.monotonic()
    os.kill(waiter.process.pid or 0, signal.SIGTERM)
    stopped, woke_at = waiter.pipe.recv()
    assert stopped == [signal.SIGTERM]
    assert woke_at - sent_at < LONG.total_seconds() / 2


@pytest.mark.parametrize("waiter", [idle], indirect=True)
def test_waiting_costs_no_cpu_time(waiter: Waiter) -> None:
    assert waiter.pipe.recv() < 0.01


def test_a_signal_descriptor_is_emptied_so_that_the_next_wait_waits(bell: FifoDoorbell) -> None:
    readable, writable = os.pipe()
    os.write(writable, b"\x0f\x0f")
    bell.wait(LONG, readable)
    assert select.select([readable], [], [], 0)[0] == []
    os.close(readable)
    os.close(writable)


@pytest.mark.parametrize("waiter", [wait_again_and_again], indirect=True)
def test_waiting_again_and_again_leaks_no_descriptor(waiter: Waiter) -> None:
    before, after = waiter.pipe.recv()
    assert after == before
