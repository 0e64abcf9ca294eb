"""The supervisor over stand-ins: it restarts, stops in order, and leaves no orphan."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from soundmill.cli.child import Child, ChildSpec
from tests.waiting import is_alive, until

ROOT = Path(__file__).parents[2]


class Supervised:
    """A running supervisor and its stand-ins."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process: subprocess.Popen[bytes]

    def start(self, *children: str, drain: float = 20) -> None:
        command = [sys.executable, "-m", "tests.cli.supervised", str(self.directory), *children]
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "DRAIN": str(drain)})

    def events(self) -> list[str]:
        path = self.directory / "events"
        return path.read_text().splitlines() if path.exists() else []

    def starts(self, name: str) -> list[list[int]]:
        path = self.directory / f"{name}.pids"
        return [[int(each) for each in line.split()] for line in path.read_text().splitlines()]

    def all_ids(self) -> list[int]:
        return [each for path in self.directory.glob("*.pids") for start in self.starts(path.stem) for each in start]

    def until_ready(self) -> None:
        until(lambda: "ready" in self.events())

    def until_said(self, words: str) -> str:
        return until(lambda: next((event for event in self.events() if words in event), None))


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    made = Supervised(tmp_path)
    yield made
    made.process.terminate()
    try:
        made.process.wait(60)
    except subprocess.TimeoutExpired:
        made.process.kill()  # its children end with it
        made.process.wait()
    until(lambda: not any(map(is_alive, made.all_ids())))


def test_a_killed_child_is_started_again_and_it_is_said(supervised: Supervised) -> None:
    supervised.start("worker=runs")
    supervised.until_ready()
    os.kill(supervised.starts("worker")[0][0], signal.SIGKILL)
    until(lambda: len(supervised.starts("worker")) == 2)
    assert supervised.until_said("worker was killed by SIGKILL; starting it again in 0.1 s")


def test_what_a_killed_child_had_started_is_gone_before_it_is_started_again(supervised: Supervised) -> None:
    supervised.start("worker=parent")
    supervised.until_ready()
    worker, its_child = supervised.starts("worker")[0]
    os.kill(worker, signal.SIGKILL)
    until(lambda: len(supervised.starts("worker")) == 2)
    assert not is_alive(its_child)


def test_the_pause_grows_while_a_child_dies_young(supervised: Supervised) -> None:
    supervised.start("worker=exits1")
    supervised.until_said("worker ended with status 1; starting it again in 0.1 s")
    supervised.until_said("in 0.2 s")
    supervised.until_said("in 0.4 s")


def test_a_child_that_cannot_work_as_it_is_set_up_ends_the_whole(supervised: Supervised) -> None:
    supervised.start("api=runs", "worker=exits2")
    assert supervised.process.wait(30) == 2
    until(lambda: not any(map(is_alive, supervised.all_ids())))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_drains_the_api_first_and_ends_with_status_0(supervised: Supervised, number: signal.Signals) -> None:
    supervised.start("worker=runs", "api=runs", "janitor=runs")
    supervised.until_ready()
    supervised.process.send_signal(number)
    assert supervised.process.wait(30) == 0
    stops = [event for event in supervised.events() if event.endswith("stops")]
    assert stops[0] == "api stops"
    assert sorted(stops) == ["api stops", "janitor stops", "worker stops"]
    until(lambda: not any(map(is_alive, supervised.all_ids())))


def test_a_second_ctrl_c_ends_at_once(supervised: Supervised) -> None:
    supervised.start("worker=stubborn", "janitor=parent", drain=1000)
    supervised.until_ready()
    supervised.process.send_signal(signal.SIGINT)
    supervised.until_said("worker stops")
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.process.wait(30) == 130
    until(lambda: not any(map(is_alive, supervised.all_ids())))


@pytest.mark.slow
def test_who_does_not_stop_in_time_is_killed(supervised: Supervised) -> None:
    supervised.start("worker=stubborn", drain=0)
    supervised.until_ready()
    supervised.process.terminate()
    assert supervised.process.wait(30) == 0
    assert supervised.until_said("worker didn't stop in time and is killed")


def test_no_child_outlives_a_killed_supervisor(supervised: Supervised) -> None:
    supervised.start("api=runs", "worker=stubborn")
    supervised.until_ready()
    supervised.process.kill()
    supervised.process.wait()
    until(lambda: not any(map(is_alive, supervised.all_ids())))


def test_a_stop_before_all_is_ready_leaves_no_orphan(supervised: Supervised) -> None:
    supervised.start("api=runs", "worker=runs", "janitor=exits1")
    until(lambda: "supervisor started" in supervised.events())
    until(lambda: (supervised.directory / "janitor.pids").exists())
    supervised.process.terminate()
    assert supervised.process.wait(30) == 0
    until(lambda: not any(map(is_alive, supervised.all_ids())))


def test_a_child_that_ended_just_before_it_is_asked_to_stop_is_still_told_of() -> None:
    child = Child(ChildSpec("short", ("true",)))
    child.start()
    assert child._process is not None
    os.waitid(os.P_PID, child._process.pid, os.WEXITED | os.WNOWAIT)
    child.ask_to_stop()
    assert child.ended() == 0
    assert child.ended() is None
