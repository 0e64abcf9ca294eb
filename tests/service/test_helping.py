"""A worker that is free helps another with a very long file; whatever happens to it, the result is whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from soundmill.adapters.converter import MillConverter
from soundmill.adapters.database import Database, DatabaseBoard, DatabaseSeats, DatabaseTasks
from soundmill.adapters.storage import DirectoryStorage, DirectoryWorkbench
from soundmill.adapters.storage.keys import new_key
from soundmill.engine import Limits, Mill
from soundmill.model.errors import NoRoom, StorageError, Unreachable
from soundmill.model.tasks import Attempt, RetryRule, TaskStatus, TaskView
from soundmill.service.helping import Helping
from soundmill.service.ports import NamedFile, Seat
from soundmill.service.work import Worker
from tests.builders import account, order
from tests.sounds import long_music, write
from tests.waiting import until

SECONDS, RATE = 900, 16_000


@pytest.fixture(scope="module")
def mills() -> Iterator[list[Mill]]:
    with Mill() as owner, Mill() as helper:
        yield [owner, helper]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("long") / "long.wav", long_music(SECONDS, RATE), RATE).read_bytes()


class Fleet:
    """Two machines: one has a task, the other is free."""

    def __init__(self, database: Database, mills: list[Mill], root: Path, sound: bytes) -> None:
        self.root = root
        self.tasks = DatabaseTasks(database, queue_cap=100)
        self.board = DatabaseBoard(database, lease=timedelta(minutes=1), retries=RetryRule())
        self.seats = DatabaseSeats(database)
        self.storage = DirectoryStorage(root, reserve_bytes=0)
        self.workbench = DirectoryWorkbench(root)
        self.mills = mills
        self.account = account(database)
        incoming = self.storage.create(len(sound))
        incoming.write(sound)
        source = [NamedFile("long.wav", incoming.commit())]
        self.task = self.tasks.submit(self.account, source, (order("mp3"),))[0]
        self.owner = Worker("owner", self.board, self.workbench, MillConverter(mills[0], Limits()), self.seats)

    def helper(self, seats: DatabaseSeats | None = None, workbench: DirectoryWorkbench | None = None) -> Worker:
        converter = MillConverter(self.mills[1], Limits())
        files, places = workbench or self.workbench, seats or self.seats
        helping = Helping("helper", places, files, converter, lambda: True)
        return Worker("helper", self.board, files, converter, places, helping)

    @contextmanager
    def converting(self) -> Iterator[threading.Thread]:
        thread = threading.Thread(target=self.owner.work)
        thread.start()
        until(lambda: self.see().status is not TaskStatus.UPLOADED)
        try:
            yield thread
        finally:
            thread.join(60)
            assert not thread.is_alive()
            self.mills[0].close()

    def see(self) -> TaskView:
        return self.tasks.get(self.account, self.task.id)

    def check_result(self) -> None:
        """It is whole, and nothing is left of the pieces."""
        seen = self.see()
        assert (seen.status, seen.error_message) == (TaskStatus.PROCESSED, None)
        assert seen.result is not None
        assert seen.result_sound is not None
        assert seen.result_sound["sample_count"] == SECONDS * RATE
        assert set(self.storage.keys(timedelta(0))) == {seen.source.key, seen.result.key}
        assert list((self.root / "incoming").iterdir()) == []
        assert list((self.root / "scratch").iterdir()) == []


@pytest.fixture
def fleet(database: Database, mills: list[Mill], tmp_path: Path, sound: bytes) -> Fleet:
    return Fleet(database, mills, tmp_path, sound)


def test_a_free_worker_encodes_pieces_of_anothers_file(fleet: Fleet) -> None:
    with fleet.converting():
        helper = fleet.helper()
        assert until(helper.work)
    fleet.check_result()
    assert fleet.seats.taken(Attempt(fleet.task.id, 1)) == []
    assert not helper.work()


class Forgetful(DatabaseSeats):
    """It takes pieces, and isn't heard of any more."""

    def next_work(self, helper: str) -> Seat | None:
        if (work := super().next_work(helper)) is not None:
            raise Unreachable("The API doesn't answer.")
        return work

    def leave(self, helper: str) -> None:
        raise Unreachable("The API doesn't answer.")


class Lost(DirectoryWorkbench):
    """What is lent can't be read."""

    @contextmanager
    def source(self, key: str) -> Iterator[Path]:
        with super().source(new_key()) as path:
            yield path


class Full(DirectoryWorkbench):
    """There is no room for an answer."""

    def lend(self, path: Path, most_bytes: int) -> str:
        raise NoRoom("The storage is full.")


class Blind(DirectoryWorkbench):
    """What comes back can't be read."""

    def collect(self, key: str, path: Path) -> None:
        raise StorageError("The storage can't read a file.")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("trouble", ["silent", "lost", "full"])
def test_a_helper_in_trouble_costs_nothing(database: Database, fleet: Fleet, trouble: str) -> None:
    helper = {
        "silent": lambda: fleet.helper(seats=Forgetful(database)),
        "lost": lambda: fleet.helper(workbench=Lost(fleet.root)),
        "full": lambda: fleet.helper(workbench=Full(fleet.root)),
    }[trouble]()
    with fleet.converting() as owner:
        while owner.is_alive():
            assert not helper.work()
    fleet.check_result()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("workbench", [Full, Blind])
def test_an_owner_in_trouble_converts_alone(
    database: Database, mills: list[Mill], tmp_path: Path, sound: bytes, workbench: type[DirectoryWorkbench]
) -> None:
    fleet = Fleet(database, mills, tmp_path, sound)
    converter = MillConverter(mills[0], Limits())
    fleet.owner = Worker("owner", fleet.board, workbench(tmp_path), converter, fleet.seats)
    helper = fleet.helper()
    with fleet.converting() as owner:
        while owner.is_alive():
            helper.work()
    seen = fleet.see()
    assert (seen.status, seen.error_message) == (TaskStatus.PROCESSED, None)


def test_a_helper_goes_when_the_conversion_is_cancelled(fleet: Fleet) -> None:
    helper = fleet.helper()
    with fleet.converting():
        until(lambda: fleet.seats.take("me", MillConverter(fleet.mills[0], Limits()).build))
        fleet.seats.leave("me")
        working = threading.Thread(target=helper.work)
        working.start()
        until(lambda: fleet.seats.taken(Attempt(fleet.task.id, 1)))
        fleet.tasks.cancel(fleet.account, fleet.task.id)
        working.join(30)
        assert not working.is_alive()
        fleet.mills[1].close()
    assert fleet.see().status is TaskStatus.CANCELLED


def test_a_helper_stops_when_its_worker_does(fleet: Fleet) -> None:
    helper = fleet.helper()
    with fleet.converting():
        working = threading.Thread(target=work_until_it_drains, args=(helper,))
        working.start()
        until(lambda: any(each.work for each in fleet.seats.taken(Attempt(fleet.task.id, 1))))
        helper.drain(timedelta(0))
        working.join(30)
        assert not working.is_alive()
        assert fleet.seats.taken(Attempt(fleet.task.id, 1)) == []
        fleet.mills[1].close()
    fleet.check_result()


def work_until_it_drains(worker: Worker) -> None:
    while not worker.draining:
        worker.work()
