"""A worker with the real engine, a real database and a real directory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from soundmill.adapters.converter import MillConverter
from soundmill.adapters.database import Database, DatabaseBoard, DatabaseTasks, DatabaseWaveforms
from soundmill.adapters.storage import DirectoryStorage, DirectoryWorkbench
from soundmill.engine import Limits, Mill
from soundmill.model.conversion import ConversionError, Failure, FailureCode
from soundmill.model.errors import NoRoom, Unreachable
from soundmill.model.sound import ConversionReport
from soundmill.model.tasks import Assignment, Attempt, RetryRule, TaskStatus, TaskView
from soundmill.service.ports import NamedFile, StoredFile
from soundmill.service.work import Worker
from tests.builders import account, order
from tests.engine.test_options import shown_chapters
from tests.sounds import music, probed, write
from tests.waiting import until


@pytest.fixture(scope="module")
def mill() -> Iterator[Mill]:
    with Mill() as made:
        yield made


@dataclass
class Mine:
    """One machine: an owner with tasks, and a worker."""

    database: Database
    mill: Mill
    root: Path

    def __post_init__(self) -> None:
        retries = RetryRule(most_tries=3, first_pause=timedelta(0), storage_pause=timedelta(0))
        self.tasks = DatabaseTasks(self.database, queue_cap=1000)
        self.board = DatabaseBoard(self.database, lease=timedelta(minutes=1), retries=retries)
        self.storage = DirectoryStorage(self.root / "data")
        self.workbench = DirectoryWorkbench(self.root / "data")
        self.owner = account(self.database)
        self.worker = self.another_worker()

    def another_worker(self, workbench: DirectoryWorkbench | None = None) -> Worker:
        return Worker("me", self.board, workbench or self.workbench, MillConverter(self.mill, Limits()))

    def stored(self, content: bytes) -> StoredFile:
        incoming = self.storage.create(1 << 30)
        incoming.write(content)
        return incoming.commit()

    def submit(self, content: bytes, to: str = "mp3") -> TaskView:
        return self.tasks.submit(self.owner, [NamedFile("song.wav", self.stored(content))], (order(to),))[0]

    def see(self, task: TaskView) -> TaskView:
        return self.tasks.get(self.owner, task.id)

    def scratch_is_empty(self) -> bool:
        return not any((self.root / "data" / "scratch").iterdir())

    @contextmanager
    def working(self) -> Iterator[threading.Thread]:
        thread = threading.Thread(target=self.worker.work)
        thread.start()
        try:
            yield thread
        finally:
            thread.join(30)
            assert not thread.is_alive()
            self.mill.close()  # a server that the thread has started ends with it


@pytest.fixture
def mine(database: Database, mill: Mill, tmp_path: Path) -> Mine:
    return Mine(database, mill, tmp_path)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("sound") / "short.wav", music(0.5)).read_bytes()


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("sound") / "long.wav", np.tile(music(10), (24, 1))).read_bytes()


def test_there_is_nothing_to_do(mine: Mine) -> None:
    assert not mine.worker.work()


def test_a_task_becomes_a_verified_file(mine: Mine, short: bytes, tmp_path: Path) -> None:
    task = mine.submit(short)
    assert mine.worker.work()
    seen = mine.see(task)
    assert seen.status is TaskStatus.PROCESSED
    assert seen.result is not None
    result = tmp_path / "result.mp3"
    with mine.storage.open(mine.tasks.find(mine.owner, seen.result.name).key) as stream:
        result.write_bytes(stream.read())
    assert probed(result)["codec_name"] == "mp3"
    assert mine.scratch_is_empty()


def test_a_file_without_sound_fails_with_a_reason_and_the_next_is_served(mine: Mine, short: bytes) -> None:
    bad, good = mine.submit(b"no sound at all " * 100), mine.submit(short)
    assert mine.worker.work()
    assert mine.worker.work()
    assert mine.see(bad).status is TaskStatus.FAILED
    assert mine.see(bad).attempts == 1
    assert (mine.see(bad).error_message or "").endswith(".")
    assert mine.see(good).status is TaskStatus.PROCESSED


def test_joined_sources_become_one_file_with_a_chapter_named_after_each(
    mine: Mine, short: bytes, tmp_path: Path
) -> None:
    sources = [NamedFile(each, mine.stored(short)) for each in ("one.wav", "Part 2.wav", "one.wav")]
    task = mine.tasks.submit(mine.owner, sources, (order("flac", join=True),))[0]
    assert mine.worker.work()
    seen = mine.see(task)
    assert (seen.status, seen.error_message) == (TaskStatus.PROCESSED, None)
    assert seen.result_sound is not None
    assert seen.result_sound["duration"] == 1.5
    assert [each.sound and each.sound["duration"] for each in seen.joined] == [0.5] * 3
    result = tmp_path / "result.flac"
    with mine.storage.open(mine.tasks.find(mine.owner, "one (joined).flac").key) as stream:
        result.write_bytes(stream.read())
    assert [title for _, title in shown_chapters(result)] == ["one", "Part 2", "one"]
    waveforms = DatabaseWaveforms(mine.database).of_task(mine.owner, task.id)
    assert waveforms.source is None
    assert waveforms.result is not None


def test_a_joined_source_that_is_no_sound_is_named_in_the_reason(mine: Mine, short: bytes) -> None:
    sources = [NamedFile("good.wav", mine.stored(short)), NamedFile("bad.mp3", mine.stored(b"no sound at all " * 100))]
    task = mine.tasks.submit(mine.owner, sources, (order("mp3", join=True),))[0]
    assert mine.worker.work()
    seen = mine.see(task)
    assert (seen.status, seen.error_code, seen.attempts) == (TaskStatus.FAILED, "unsupported_input", 1)
    assert (seen.error_message or "").startswith("“bad.mp3”: ")


@pytest.mark.parametrize("interruption", ["cancel", "change", "delete"])
def test_a_conversion_that_is_no_longer_wanted_ends_at_once(mine: Mine, long: bytes, interruption: str) -> None:
    task = mine.submit(long, "flac" if interruption == "change" else "mp3")
    with mine.working() as thread:
        until(lambda: not mine.scratch_is_empty())
        if interruption == "cancel":
            mine.tasks.cancel(mine.owner, task.id)
        elif interruption == "change":
            mine.tasks.restart(mine.owner, task.id, order("ogg"))
        else:
            mine.tasks.remove(mine.owner, task.id)
        thread.join(30)
        assert not thread.is_alive()
    assert mine.scratch_is_empty()
    if interruption == "cancel":
        assert mine.see(task).status is TaskStatus.CANCELLED
    if interruption == "change":
        assert mine.see(task).status is TaskStatus.UPLOADED
        assert mine.worker.work()
        seen = mine.see(task)
        assert (seen.status, seen.new_format) == (TaskStatus.PROCESSED, "ogg")
        assert seen.attempts == 1


def test_a_draining_worker_gives_its_task_back_uncounted(mine: Mine, long: bytes) -> None:
    task = mine.submit(long)
    with mine.working():
        until(lambda: not mine.scratch_is_empty())
        mine.worker.drain(timedelta(0))
    assert mine.worker.draining
    assert mine.see(task).status is TaskStatus.UPLOADED
    assert mine.see(task).attempts == 0
    assert mine.scratch_is_empty()
    assert mine.another_worker().work()
    assert mine.see(task).status is TaskStatus.PROCESSED


def test_a_draining_worker_may_finish_what_it_has_and_takes_nothing_more(mine: Mine, short: bytes, long: bytes) -> None:
    long_task = mine.submit(long)
    task = mine.submit(short)
    with mine.working():
        until(lambda: not mine.scratch_is_empty())
        mine.worker.drain(timedelta(minutes=1))
    assert mine.see(long_task).status is TaskStatus.PROCESSED
    assert not mine.worker.work()
    assert mine.see(task).status is TaskStatus.UPLOADED


def test_a_source_that_can_not_be_seen_is_waited_for(mine: Mine, short: bytes) -> None:
    task = mine.submit(short)
    path = mine.root / "data" / "files" / task.source.key[:2] / task.source.key
    path.rename(mine.root / "away")
    assert mine.worker.work()
    assert (mine.see(task).status, mine.see(task).attempts) == (TaskStatus.UPLOADED, 0)
    (mine.root / "away").rename(path)
    assert mine.another_worker().work()
    assert mine.see(task).status is TaskStatus.PROCESSED


class FullDisk(DirectoryWorkbench):
    """Nothing can be published."""

    def publish(self, attempt: Attempt, result: Path) -> StoredFile:
        raise NoRoom("The storage is full. Free some space, or try again later.")


def test_a_full_disk_is_waited_out_and_is_nobodys_try(mine: Mine, short: bytes) -> None:
    task = mine.submit(short)
    for _ in range(5):
        assert mine.another_worker(FullDisk(mine.root / "data")).work()
        assert (mine.see(task).status, mine.see(task).attempts) == (TaskStatus.UPLOADED, 0)
    assert mine.worker.work()
    assert mine.see(task).status is TaskStatus.PROCESSED


def test_a_worker_rests_after_trouble_with_the_storage(mine: Mine, short: bytes) -> None:
    first, second = mine.submit(short), mine.submit(short)
    cramped = mine.another_worker(FullDisk(mine.root / "data"))
    assert cramped.work()
    assert not cramped.work()
    assert {mine.see(each).status for each in (first, second)} == {TaskStatus.UPLOADED}


class FullWhileConverting(MillConverter):
    """Finds no room for what it makes."""

    def convert(self, *given: Any, **named: Any) -> NoReturn:
        raise ConversionError(FailureCode.STORAGE, "The storage is full.", retryable=True)


def test_a_worker_rests_after_a_conversion_that_found_the_storage_full(mine: Mine, short: bytes) -> None:
    tasks = [mine.submit(short) for _ in range(2)]
    cramped = Worker("me", mine.board, mine.workbench, FullWhileConverting(mine.mill, Limits()))
    assert cramped.work()
    assert not cramped.work()
    assert {(mine.see(each).status, mine.see(each).attempts) for each in tasks} == {(TaskStatus.UPLOADED, 0)}


def test_a_source_that_is_missing_keeps_nobody_else_waiting(mine: Mine, short: bytes) -> None:
    lost, good = mine.submit(short), mine.submit(short)
    mine.storage.delete(mine.tasks.find(mine.owner, lost.source.name).key)
    mine.board = DatabaseBoard(mine.database, lease=timedelta(minutes=1), retries=RetryRule())
    worker = mine.another_worker()
    assert worker.work()
    assert worker.work()
    assert mine.see(good).status is TaskStatus.PROCESSED
    assert (mine.see(lost).status, mine.see(lost).attempts) == (TaskStatus.UPLOADED, 0)


def test_a_storage_that_is_away_is_not_taken_for_one_whose_files_are_missing(mine: Mine, short: bytes) -> None:
    tasks = [mine.submit(short) for _ in range(2)]
    root, elsewhere = mine.root / "data", mine.root / "elsewhere"
    root.rename(elsewhere)
    assert mine.worker.work()
    assert not mine.worker.work()  # it rests, and doesn't run through the queue
    elsewhere.rename(root)
    assert mine.another_worker().work()
    assert mine.another_worker().work()
    assert {mine.see(each).status for each in tasks} == {TaskStatus.PROCESSED}


class DeletedAtOnce(DirectoryWorkbench):
    """The task of a source is deleted just before or after its file is looked for."""

    delete: Callable[[], None]
    is_early: bool

    @contextmanager
    def source(self, key: str) -> Iterator[Path]:
        if self.is_early:
            self.delete()
        with super().source(key) as path:
            if not self.is_early:
                self.delete()
            yield path


@pytest.mark.parametrize("is_early", [True, False])
def test_a_task_that_is_deleted_before_its_conversion_begins_is_no_trouble(
    mine: Mine, short: bytes, *, is_early: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    deleted, good = mine.submit(short), mine.submit(short)

    def delete() -> None:
        for each in mine.tasks.remove(mine.owner, deleted.id):
            mine.storage.delete(each)

    workbench = DeletedAtOnce(mine.root / "data")
    workbench.delete, workbench.is_early = delete, is_early
    worker = mine.another_worker(workbench)
    assert worker.work()
    _, *said = "".join(capfd.readouterr()).splitlines()
    assert len(said) == 1
    assert "no longer wanted" in said[0]
    assert "info" in said[0]
    workbench.delete = lambda: None
    assert worker.work()  # it doesn't rest
    assert mine.see(good).status is TaskStatus.PROCESSED


class SilentBoard(DatabaseBoard):
    """Gives nothing."""

    def claim(self, owner: str, task_id: int | None = None) -> Assignment | None:
        raise Unreachable("The database doesn't answer.")


def test_a_worker_that_reaches_nobody_says_so_and_has_done_nothing(
    mine: Mine, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.board = SilentBoard(mine.database, lease=timedelta(minutes=1), retries=RetryRule())
    assert not mine.another_worker().work()
    assert "no task taken" in capsys.readouterr().out


class UnheardBoard(DatabaseBoard):
    """Gives work and hears of nothing."""

    def processed(self, attempt: Attempt, result: StoredFile, report: ConversionReport) -> None:
        raise Unreachable("The database doesn't answer.")

    def failed(self, attempt: Attempt, failure: Failure) -> None:
        raise Unreachable("The database doesn't answer.")


@pytest.mark.parametrize("is_sound", [True, False])
def test_an_attempt_of_which_nobody_hears_is_told_and_made_again(
    mine: Mine, short: bytes, *, is_sound: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    task = mine.submit(short if is_sound else b"no sound at all " * 100)
    heard, mine.board = mine.board, UnheardBoard(mine.database, lease=timedelta(0), retries=RetryRule())
    assert mine.another_worker().work()
    assert "due again" in capsys.readouterr().out
    mine.board = heard
    heard.expire_leases()
    assert mine.another_worker().work()
    assert mine.see(task).status is (TaskStatus.PROCESSED if is_sound else TaskStatus.FAILED)


class SlowDisk(DirectoryWorkbench):
    """Fetching and publishing take longer than a lease."""

    @contextmanager
    def source(self, key: str) -> Iterator[Path]:
        self.wait_for_a_renewal()
        with super().source(key) as path:
            yield path

    def publish(self, attempt: Attempt, result: Path) -> StoredFile:
        self.wait_for_a_renewal()
        return super().publish(attempt, result)

    def wait_for_a_renewal(self) -> None:
        before = self.renewals()
        until(lambda: self.renewals() > before)

    renewals: Callable[[], int]


def test_a_lease_is_renewed_while_a_large_file_is_fetched_and_published(mine: Mine, short: bytes) -> None:
    task = mine.submit(short)
    slow = SlowDisk(mine.root / "data")
    renewals = 0
    renew = mine.board.progress

    def counted(attempt: Attempt, fraction: float) -> None:
        nonlocal renewals
        renewals += 1
        renew(attempt, fraction)

    mine.board.progress = counted  # type: ignore[method-assign]
    slow.renewals = lambda: renewals
    assert mine.another_worker(slow).work()
    assert mine.see(task).status is TaskStatus.PROCESSED
