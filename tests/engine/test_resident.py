"""Small files of one account are converted by one process, one after another, and nobody notices but by the time it takes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np
import psutil
import pytest

from soundmill.engine import Converted, Job, Mill
from soundmill.model.conversion import ConversionError, ConversionStopped, FailureCode
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.disks import NotMounted, small_disk
from tests.engine.mills import conversions, servers
from tests.processes import kill
from tests.sounds import decoded, encoded, music, write
from tests.waiting import until


class Desk:
    """Has files converted, each into a directory of its own."""

    def __init__(self, mill: Mill, directory: Path) -> None:
        self._mill, self._directory, self._numbers = mill, directory, count()

    def convert(
        self,
        source: Path,
        target: str = "flac",
        account: str = "somebody's",
        on_tick: Callable[[float], bool] = lambda fraction: True,
        options: ConversionOptions | None = None,
    ) -> Converted:
        directory = self._directory / f"job-{next(self._numbers)}"
        directory.mkdir()
        job = Job(source, directory, FORMATS[target], options or ConversionOptions(), account=account)
        return self._mill.convert(job, on_tick)


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where rooms are made."""
    directory = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(directory))
    return directory


@pytest.fixture
def desk(tmp_path: Path, temporary: Path) -> Iterator[Desk]:
    with Mill() as mill:
        yield Desk(mill, tmp_path)
    assert list(temporary.iterdir()) == []


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write(tmp_path / "clip.wav", music(0.5))


def residents() -> set[int]:
    return {each.pid for each in conversions()}


def slow_small_file(directory: Path) -> Path:
    """Takes a second to encode, and little room: more than three minutes."""
    return encoded(directory, "long.flac", samples=np.zeros((200 * 44_100, 2)))


def test_from_the_second_file_on_one_process_converts_those_of_an_account(desk: Desk, clip: Path) -> None:
    alone = desk.convert(clip)
    assert residents() == set()
    second = desk.convert(clip)
    (process,) = residents()
    for _ in range(200):  # more than it may have open
        last = desk.convert(clip)
    assert residents() == {process}
    assert alone.path.read_bytes() == second.path.read_bytes() == last.path.read_bytes()
    assert alone.report == second.report == last.report


@pytest.mark.parametrize("target", list(FORMATS))
def test_what_it_makes_is_what_a_process_of_its_own_makes(desk: Desk, clip: Path, tmp_path: Path, target: str) -> None:
    other = write(tmp_path / "other.wav", music(0.7, rate=48_000, channels=1, seed=3), rate=48_000)
    alone = desk.convert(other, target, account="")
    for _ in range(2):
        desk.convert(clip, target)
    assert len(residents()) == 1
    made = desk.convert(other, target)
    assert np.array_equal(decoded(made.path), decoded(alone.path))
    assert made.report.result == alone.report.result


def test_no_process_sees_the_files_of_two_accounts(desk: Desk, clip: Path) -> None:
    for _ in range(2):
        desk.convert(clip, account="mine")
    mine = residents()
    assert len(mine) == 1
    desk.convert(clip, account="yours")
    assert residents() == set()
    desk.convert(clip, account="yours")
    assert residents() not in (mine, set())


def test_files_of_nobody_have_processes_of_their_own(desk: Desk, clip: Path) -> None:
    for _ in range(3):
        desk.convert(clip, account="")
        assert residents() == set()


def test_where_it_is_wished_each_file_has_a_process_of_its_own(tmp_path: Path, clip: Path) -> None:
    with Mill(one_process_per_file=True) as mill:
        desk = Desk(mill, tmp_path)
        for _ in range(3):
            desk.convert(clip)
            assert residents() == set()


def test_it_ends_when_nothing_follows(desk: Desk, clip: Path) -> None:
    for _ in range(2):
        desk.convert(clip)
    assert residents()
    until(lambda: not residents())
    assert desk.convert(clip).path.exists()


def test_a_damaged_file_is_told_of_and_the_next_one_is_well(desk: Desk, clip: Path, tmp_path: Path) -> None:
    whole = encoded(tmp_path, "whole.flac", samples=music(1.0)).read_bytes()
    damaged = tmp_path / "damaged.flac"
    damaged.write_bytes(whole[:-2000])
    with pytest.raises(ConversionError) as alone:
        desk.convert(damaged, "wav", account="")
    for _ in range(3):
        for _ in range(2):
            desk.convert(clip)
        with pytest.raises(ConversionError) as caught:
            desk.convert(damaged, "wav")
        assert caught.value.failure == alone.value.failure
        assert caught.value.failure.code is FailureCode.DAMAGED_INPUT


def test_a_source_that_is_gone_costs_no_server(tmp_path: Path, clip: Path) -> None:
    before = set(servers())
    with Mill() as mill:
        desk = Desk(mill, tmp_path)
        desk.convert(clip)
        ours = set(servers()) - before
        with pytest.raises(ConversionError) as failed:
            desk.convert(tmp_path / "gone.wav")
        assert failed.value.failure.retryable
        assert desk.convert(clip).path.exists()
        assert set(servers()) - before == ours


def test_a_result_that_is_larger_than_its_room_is_made_all_the_same(desk: Desk, clip: Path, tmp_path: Path) -> None:
    desk.convert(clip)
    made = desk.convert(slow_small_file(tmp_path), "wav")
    assert made.path.stat().st_size > 32 << 20
    assert made.report.result.sample_count == 200 * 44_100


def test_what_becomes_many_files_has_a_process_of_its_own(desk: Desk, clip: Path, tmp_path: Path) -> None:
    """They may take gigabytes, where memory may be all that there is."""
    quiet = write(tmp_path / "quiet.wav", np.concatenate([music(0.5), np.zeros((88_200, 2)), music(0.5)]))
    for _ in range(2):
        desk.convert(clip)
    assert desk.convert(quiet, options=ConversionOptions(split="silence")).path.suffix == ".zip"
    assert residents() == set()


def test_one_that_is_killed_costs_nobody_a_file(desk: Desk, clip: Path, tmp_path: Path) -> None:
    desk.convert(clip)
    victims = residents()

    def tick(fraction: float) -> bool:
        nonlocal victims
        if not victims:
            victims = residents()
            kill(conversions())
        return True

    assert desk.convert(slow_small_file(tmp_path), "mp3", on_tick=tick).path.exists()
    assert victims


def test_one_that_is_killed_while_it_waits_costs_nobody_a_file(desk: Desk, clip: Path) -> None:
    for _ in range(2):
        desk.convert(clip)
    assert kill(conversions()) == 1
    for _ in range(2):
        assert desk.convert(clip).path.exists()
    assert len(residents()) == 1


def test_stopping_ends_it(desk: Desk, clip: Path, tmp_path: Path) -> None:
    for _ in range(2):
        desk.convert(clip)
    with pytest.raises(ConversionStopped):
        desk.convert(slow_small_file(tmp_path), "mp3", on_tick=lambda fraction: False)
    assert residents() == set()
    assert desk.convert(clip).path.exists()


def test_what_a_killed_server_left_is_removed_by_the_next(tmp_path: Path, clip: Path, temporary: Path) -> None:
    others = set(servers())
    with Mill() as mill:
        desk = Desk(mill, tmp_path)
        for _ in range(2):
            desk.convert(clip)
        (server,) = set(servers()) - others
        server.kill()
        until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
        (left,) = temporary.iterdir()
        for _ in range(2):
            desk.convert(clip)
        assert left not in list(temporary.iterdir())
        assert len(list(temporary.iterdir())) == 1


def test_rooms_of_those_that_live_are_left_alone(tmp_path: Path, clip: Path, temporary: Path) -> None:
    with Mill() as one, Mill() as other:
        (tmp_path / "other").mkdir()
        desks = [Desk(one, tmp_path), Desk(other, tmp_path / "other")]
        for _ in range(3):
            for desk in desks:
                desk.convert(clip)
        assert len(list(temporary.iterdir())) == len(residents()) == 2


def test_rooms_that_somebody_removed_are_made_anew(desk: Desk, clip: Path, temporary: Path) -> None:
    for _ in range(2):
        desk.convert(clip)
    (rooms,) = temporary.iterdir()
    shutil.rmtree(rooms)
    before = residents()
    # The first finds that its room is gone, the second that all are.
    for _ in range(3):
        assert desk.convert(clip).path.exists()
    assert residents() not in (before, set())


def test_nothing_is_open_to_it_but_what_it_says_and_is_told(desk: Desk, clip: Path) -> None:
    for _ in range(2):
        desk.convert(clip)
    (process,) = residents()
    opened = [each.readlink() for each in Path(f"/proc/{process}/fd").iterdir() if int(each.name) > 2]
    assert len(opened) == 2
    assert all(str(each).startswith("pipe:") for each in opened)


def test_where_temporary_files_have_no_room_each_file_has_a_process_of_its_own(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        with small_disk(tmp_path / "small", "size=64k") as small:
            monkeypatch.setenv("TMPDIR", str(small))
            with Mill() as mill:
                desk = Desk(mill, tmp_path)
                for _ in range(3):
                    assert desk.convert(clip).path.exists()
                    assert residents() == set()
    except NotMounted as error:
        pytest.skip(f"a small disk can be mounted by root only: {error}")
