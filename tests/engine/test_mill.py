"""The mill keeps its promises when things go wrong."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import psutil
import pytest

from soundmill.engine import Job, Limits, Mill
from soundmill.model.conversion import ConversionError, ConversionStopped, FailureCode
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.engine.mills import conversions, servers
from tests.processes import kill
from tests.sounds import encoded, music, write
from tests.waiting import until


@pytest.fixture
def long_job(tmp_path: Path) -> Job:
    """One that takes seconds."""
    (tmp_path / "work").mkdir()
    source = write(tmp_path / "long.wav", np.tile(music(1.0), (240, 1)))
    return Job(source, tmp_path / "work", FORMATS["mp3"])


def short_job(tmp_path: Path) -> Job:
    directory = tmp_path / "short"
    directory.mkdir()
    return Job(write(tmp_path / "short.wav", music(0.2)), directory, FORMATS["flac"])


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """No test leaves a process or a zombie."""
    before = {*servers(), *conversions()}
    yield
    assert {*servers(), *conversions()} <= before


def killing(number: signal.Signals) -> Callable[[float], bool]:
    """A tick that kills the conversion at the first opportunity."""

    def tick(fraction: float) -> bool:
        kill(conversions(), number)
        return True

    return tick


def test_progress_rises_to_the_end(long_job: Job) -> None:
    seen: list[float] = []

    def tick(fraction: float) -> bool:
        seen.append(fraction)
        return True

    with Mill() as mill:
        mill.convert(long_job, tick)
    assert seen == sorted(seen)
    assert any(0 < fraction < 1 for fraction in seen)


def test_progress_rises_in_the_passes_before_the_one_that_encodes(tmp_path: Path) -> None:
    quiet = encoded(tmp_path, "quiet.opus", samples=np.tile(music(1.0) / 10_000, (360, 1)))
    cut_off = tmp_path / "cut off.opus"
    cut_off.write_bytes(quiet.read_bytes()[:-4000])
    trimmed = Job(quiet, tmp_path / "trimmed", FORMATS["flac"], ConversionOptions(trim_silence=True))
    joined = Job(quiet, tmp_path / "joined", FORMATS["flac"], following=(cut_off,), names=("quiet", "cut off"))
    with Mill() as mill:
        for job in (trimmed, joined):
            job.directory.mkdir()
            seen: list[float] = []
            # Both fail at the end of the first pass.
            with pytest.raises(ConversionError):
                mill.convert(job, lambda fraction, seen=seen: not seen.append(fraction))  # type: ignore[misc]
            assert any(0 < fraction < 1 for fraction in seen)


def test_stopping_kills_the_conversion_and_leaves_no_process(long_job: Job, tmp_path: Path) -> None:
    with Mill() as mill:
        with pytest.raises(ConversionStopped):
            mill.convert(long_job, lambda fraction: False)
        assert conversions() == []
        assert mill.convert(short_job(tmp_path), lambda fraction: True).path.exists()


def test_what_a_tick_raises_stops_the_conversion_too(long_job: Job, tmp_path: Path) -> None:
    def tick(fraction: float) -> bool:
        raise KeyboardInterrupt

    with Mill() as mill:
        with pytest.raises(KeyboardInterrupt):
            mill.convert(long_job, tick)
        assert conversions() == []
        assert mill.convert(short_job(tmp_path), lambda fraction: True).path.exists()


def test_a_killed_conversion_may_be_tried_again(long_job: Job, tmp_path: Path) -> None:
    with Mill() as mill:
        with pytest.raises(ConversionError) as failed:
            mill.convert(long_job, killing(signal.SIGKILL))
        assert failed.value.failure.code is FailureCode.CRASHED
        assert failed.value.failure.retryable
        assert "too little memory" in failed.value.failure.message  # and it isn't the file's fault
        assert mill.convert(short_job(tmp_path), lambda fraction: True).path.exists()


def test_a_killed_server_is_replaced(long_job: Job, tmp_path: Path) -> None:
    with Mill() as mill:

        def tick(fraction: float) -> bool:
            if conversions():
                kill(servers())
            return True

        with pytest.raises(ConversionError) as failed:
            mill.convert(long_job, tick)
        assert failed.value.failure.code is FailureCode.CRASHED
        assert mill.convert(short_job(tmp_path), lambda fraction: True).path.exists()


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(wall=timedelta(seconds=0.3)), FailureCode.TIME_LIMIT),
        (Limits(cpu=timedelta(seconds=1)), FailureCode.CPU_LIMIT),
        (Limits(output_bytes=100_000), FailureCode.OUTPUT_LIMIT),
        (Limits(decoded=timedelta(seconds=10)), FailureCode.TOO_LONG),
    ],
)
def test_limits_end_a_conversion_with_their_reason(
    long_job: Job, tmp_path: Path, limits: Limits, code: FailureCode
) -> None:
    limited = Job(long_job.source, long_job.directory, long_job.target, limits=limits)
    with Mill() as mill:
        with pytest.raises(ConversionError) as failed:
            mill.convert(limited, lambda fraction: True)
        assert failed.value.failure.code is code
        assert not failed.value.failure.retryable
        assert conversions() == []
        assert mill.convert(short_job(tmp_path), lambda fraction: True).path.exists()


def test_a_job_survives_its_way_to_the_server(long_job: Job) -> None:
    assert Job.from_dict(long_job.as_dict()) == long_job


def test_a_server_that_was_killed_while_idle_costs_no_conversion(tmp_path: Path) -> None:
    before = set(servers())
    with Mill() as mill:
        (server,) = until(lambda: set(servers()) - before)
        server.kill()
        until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
        assert mill.convert(short_job(tmp_path), lambda fraction: True).path.exists()


LIES = [
    '{"ended": "by itself", "signal": 0}\n',
    '{"progress": 0.5}\n{"report": {}, "ended": "by itself"}\n',
    '{"report": {"source": ',
    '{"report": 7}\n',
    '{"report": {"source": []}}\n',
    '{"progress": "half"}\n{"progress": null}\n{"report": {}}\n',
    '{"failure": {"code": "unheard of"}}\n',
    '{"failure": ["crashed"]}\n',
    '{"help": {"open": 1}, "seat": "first", "file": 7}\n',
    "[1]\n",
    "nonsense\n",
    "[" * 100_000 + "\n",
    '{"report": 7}\n{"done": "early"}\n',
    '{"failure": {"code": ["crashed"]}}\n{"done": 1}\n',
    '{"report": 7}\n{"done": 1' + "0" * 400 + "}\n",
    "x" * (9 << 20),
]


@pytest.mark.parametrize("account", ["", "somebody's"])
def test_whatever_a_hijacked_conversion_says_the_next_one_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    monkeypatch.setattr("soundmill.engine.serving.mill._SERVER_MODULE", "tests.engine.lying_server")
    work, hijacked = tmp_path / "work", tmp_path / "hijacked"
    work.mkdir()
    honest = replace(short_job(tmp_path), account=account)
    with Mill() as mill:
        for lie in LIES:
            hijacked.write_text(lie)
            for _ in range(2):  # then it is the first that a process which stays is given
                with pytest.raises(ConversionError) as failed:
                    mill.convert(Job(hijacked, work, FORMATS["wav"], account=account), lambda fraction: True)
                assert failed.value.failure.code is FailureCode.CRASHED, lie[:80]
                assert "server" not in failed.value.detail_for_log, lie[:80]
            assert mill.convert(honest, lambda fraction: True).report.result.sample_count == 8820, lie[:80]
