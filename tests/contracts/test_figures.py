"""What is counted, by one process and by several."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from soundmill.adapters.database import Database, DatabaseBoard, DatabaseTasks
from soundmill.adapters.metrics import Figures, MeteredBoard, WorkerFigures, shared_figures
from soundmill.model.conversion import Failure, FailureCode
from soundmill.model.errors import ConfigurationError, StaleAttempt
from soundmill.model.tasks import Attempt, RetryRule
from tests.builders import REPORT, account, stored_file, submitted

CRASHED = Failure(FailureCode.CRASHED, "The conversion crashed.")


class Counting:
    """A worker's board over a database, with its figures."""

    def __init__(self, database: Database) -> None:
        self.registry = CollectorRegistry()
        self.tasks = DatabaseTasks(database, queue_cap=100)
        self.owner = account(database)
        self._claims = itertools.count(1)
        below = DatabaseBoard(database, lease=timedelta(minutes=1), retries=RetryRule())
        self.board = MeteredBoard(below, WorkerFigures(self.registry))

    def claim(self, name: str = "song.wav") -> Attempt:
        submitted(self.tasks, self.owner, "mp3", name=name)
        assignment = self.board.claim(f"worker-{next(self._claims)}")
        assert assignment is not None
        return assignment.attempt

    def conversions(self, source: str, outcome: str) -> float | None:
        labels = {"source": source, "target": "mp3", "outcome": outcome}
        return self.registry.get_sample_value("soundmill_conversions_total", labels)


@pytest.fixture
def counting(database: Database) -> Counting:
    return Counting(database)


def test_a_result_counts_with_its_pair_its_length_and_its_speed(counting: Counting) -> None:
    counting.board.processed(counting.claim(), stored_file(), REPORT)
    value = counting.registry.get_sample_value
    assert value("soundmill_claims_total") == 1
    assert counting.conversions("wav", "processed") == 1
    assert value("soundmill_converted_sound_seconds_total", {"source": "wav", "target": "mp3"}) == 1.5
    seconds = value("soundmill_conversion_seconds_sum", {"target": "mp3"})
    assert seconds
    assert value("soundmill_conversion_realtime_factor_sum", {"target": "mp3"}) == pytest.approx(1.5 / seconds)


def test_each_attempt_counts_once_by_how_it_ended(counting: Counting) -> None:
    failed, released, cancelled = counting.claim(), counting.claim("a.OGG"), counting.claim("b.ogg")
    counting.board.failed(failed, CRASHED)
    counting.board.failed(failed, CRASHED)  # a repeated word
    counting.board.release(released)
    counting.tasks.cancel(counting.owner, cancelled.task_id)
    for _ in range(2):
        with pytest.raises(StaleAttempt):
            counting.board.progress(cancelled, 0.5)
    assert counting.conversions("wav", "failed") == 1
    assert counting.conversions("ogg", "released") == 1
    assert counting.conversions("ogg", "stale") == 1
    failures = {
        code: counting.registry.get_sample_value("soundmill_conversion_failures_total", {"code": code})
        for code in FailureCode
    }
    assert failures.pop(FailureCode.CRASHED) == 1
    assert failures.pop(FailureCode.CPU_LIMIT) == 0  # there from the start, so that the first is an increase


@pytest.mark.parametrize("name", ["song", "song.qqq", "song.mp3\u202e"])
def test_whatever_files_are_called_there_are_only_so_many_series(counting: Counting, name: str) -> None:
    counting.board.processed(counting.claim(name), stored_file(), REPORT)
    assert counting.conversions("other", "processed") == 1


# In processes of their own: the library decides once a process where it counts.
COUNT = """
import sys
from soundmill.adapters.metrics import Figures, TrafficFigures
traffic = TrafficFigures(Figures().registry)
for _ in range(1000):
    traffic.uploaded(3)
    traffic.answered("GET", "/api/tasks", 200, 0.02)
with traffic.held("events"):
    print("counted", flush=True)
    sys.stdin.read()
"""
TELL = """
import sys
from soundmill.adapters.metrics import Figures
sys.stdout.buffer.write(Figures().text())
"""
MAKE = """
from soundmill.adapters.metrics import shared_figures
with shared_figures():
    pass
"""


def counting_process(directory: Path) -> subprocess.Popen[str]:
    """Has counted, and holds a request open."""
    command = [sys.executable, "-c", COUNT]
    piped = subprocess.PIPE
    with ExitStack() as unless_it_counts:
        child = unless_it_counts.enter_context(
            subprocess.Popen(command, env=sharing(directory), stdin=piped, stdout=piped, text=True)
        )
        unless_it_counts.callback(child.kill)
        assert child.stdout is not None
        assert child.stdout.readline() == "counted\n"
        unless_it_counts.pop_all()
    return child


def told(directory: Path) -> dict[str, float]:
    text = subprocess.run(
        [sys.executable, "-c", TELL], env=sharing(directory), capture_output=True, text=True, check=True
    )
    families = text_string_to_metric_families(text.stdout)
    return {sample.name: sample.value for family in families for sample in family.samples}


def sharing(directory: Path) -> dict[str, str]:
    return {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)}


def test_several_processes_count_together_and_the_dead_are_not_forgotten(tmp_path: Path) -> None:
    with counting_process(tmp_path) as one, counting_process(tmp_path) as other:
        both = told(tmp_path)
        one.kill()
        one.wait()
        rest = told(tmp_path)
        other.communicate()
    assert both["soundmill_upload_bytes_total"] == 6000
    assert both["soundmill_http_request_seconds_count"] == 2000
    assert both["soundmill_held_requests"] == 2
    assert rest["soundmill_upload_bytes_total"] == 6000
    assert rest["soundmill_held_requests"] == 1  # what it held is held no more


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a process counted that was killed."""
    directory = tmp_path_factory.mktemp("counted")
    with counting_process(directory) as child:
        child.kill()
    return directory


def leave_dead(directory: Path, counted: Path, numbers: range) -> None:
    """As if so many processes had counted the same. No system gives numbers as high as theirs."""
    for number in numbers:
        for file in counted.glob("*.db"):
            shutil.copy(file, directory / f"{file.stem.rpartition('_')[0]}_{_NO_PROCESS + number}.db")


_NO_PROCESS = 1 << 30


def test_what_many_dead_processes_counted_is_kept_in_one_file(tmp_path: Path, counted: Path) -> None:
    for many in (20, 40):
        leave_dead(tmp_path, counted, range(many - 20, many))
        for _ in range(2):
            figures = told(tmp_path)
            assert figures["soundmill_upload_bytes_total"] == many * 3000
            assert figures["soundmill_http_request_seconds_count"] == many * 1000
            assert figures["soundmill_http_request_seconds_bucket"] == many * 1000  # the last one, +Inf
            assert figures.get("soundmill_held_requests", 0) == 0
        assert {each.name for each in tmp_path.glob("counter_*.db")} >= {"counter_0.db"}
        assert len(list(tmp_path.glob("*.db"))) < 12  # those who told are dead now, too


@pytest.mark.parametrize("moment", ["sums written", "doom written", "sums in place", "half removed"])
def test_who_is_killed_while_merging_leaves_all_counted_once(tmp_path: Path, counted: Path, moment: str) -> None:
    leave_dead(tmp_path, counted, range(20))
    before = tmp_path / "before"
    shutil.copytree(tmp_path, before)
    assert told(tmp_path)["soundmill_upload_bytes_total"] == 20 * 3000
    sums = tmp_path / "counter_0.db"
    dead = sorted(before.glob("counter_*.db"))
    shutil.copy(sums, before / ("counter.new" if moment in ("sums written", "doom written") else sums.name))
    if moment != "sums written":
        (before / "counter.doomed").write_text(json.dumps([each.name for each in dead]))
    for each in dead[: 10 if moment == "half removed" else 0]:
        each.unlink()
    assert [told(before)["soundmill_upload_bytes_total"] for _ in range(2)] == [20 * 3000] * 2


def test_what_a_killed_maker_left_is_removed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    left = tmp_path / "soundmill-figures-left"
    left.mkdir()
    with shared_figures():
        living = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
        with shared_figures():
            assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(living)
        for old in (left, living):
            os.utime(old, (0, 0))
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        del environment["PROMETHEUS_MULTIPROC_DIR"]
        subprocess.run([sys.executable, "-c", MAKE], env=environment, check=True)
        assert list(tmp_path.iterdir()) == [living]
    assert list(tmp_path.iterdir()) == []
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port}: Address already in use.*SOUNDMILL_METRICS_PORT"):
            Figures().serve("127.0.0.1", port)


def test_on_a_full_disk_a_process_counts_by_itself(tmp_path: Path) -> None:
    # A file-size limit stands for the full disk: growing a file fails either way.
    code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); {TELL}"
    limited = subprocess.run(
        [sys.executable, "-c", code], env=sharing(tmp_path), capture_output=True, text=True, check=True
    )
    assert "counts by itself" in limited.stdout + limited.stderr
    assert list(tmp_path.glob("*.db")) == []
