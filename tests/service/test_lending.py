"""What a conversion says to its worker isn't believed, and what the storage does doesn't hold it up."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from soundmill.adapters.database import Database, DatabaseBoard, DatabaseSeats, DatabaseTasks
from soundmill.adapters.storage import DirectoryStorage, DirectoryWorkbench
from soundmill.model.helping import LARGEST_PARCEL_BYTES
from soundmill.model.tasks import Attempt, RetryRule
from soundmill.service.lending import Lending
from tests.builders import account, submitted
from tests.waiting import until

BUILD = "soundmill 2"


class Desk:
    """An attempt that lends, and one who sits beside it."""

    def __init__(self, database: Database, root: Path, workbench: DirectoryWorkbench) -> None:
        tasks = DatabaseTasks(database, queue_cap=10)
        submitted(tasks, account(database), "mp3")
        board = DatabaseBoard(database, lease=timedelta(minutes=1), retries=RetryRule())
        assignment = board.claim("owner")
        assert assignment is not None
        self.attempt: Attempt = assignment.attempt
        self.seats = DatabaseSeats(database)
        self.storage = DirectoryStorage(root, reserve_bytes=0)
        self.directory = root / "scratch"
        self.workbench = workbench
        self.lending = Lending(self.attempt, self.directory, self.seats, workbench, BUILD)
        self.lending.open()
        until(lambda: self.seats.take("me", BUILD))
        self.first, self.second = until(lambda: self.lending.news().seats)

    def piece(self, name: str, size: int = 5) -> Path:
        path = self.directory / name
        path.touch()
        os.truncate(path, size)
        return path

    def lent(self) -> list[str]:
        return [each.work for each in self.seats.taken(self.attempt) if each.work]

    def stored(self) -> set[str]:
        return set(self.storage.keys(timedelta(0)))


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(database, tmp_path, DirectoryWorkbench(tmp_path))
    yield made
    made.lending.close()
    assert made.stored() == set()


def test_a_piece_goes_out_and_its_answer_comes_in_once(desk: Desk) -> None:
    desk.lending.give(desk.first, desk.piece("piece-1"))
    work = until(lambda: desk.seats.next_work("me"))
    with desk.workbench.blank() as answer:
        answer.write_bytes(b"packets")
        desk.seats.answer("me", work, desk.workbench.lend(answer, 1000))
    ((piece, path),) = until(lambda: desk.lending.news().answers)
    assert (piece, path.read_bytes()) == ("piece-1", b"packets")
    assert path.parent == desk.directory
    assert desk.lending.news().answers == []


def test_one_piece_goes_out_for_a_seat_and_none_for_one_that_is_not_there(desk: Desk) -> None:
    desk.lending.give(10_000, desk.piece("piece-1"))
    desk.lending.give(desk.first, desk.piece("piece-2"))
    desk.lending.give(desk.first, desk.piece("piece-3"))
    desk.lending.give(desk.second, desk.piece("piece-4"))
    until(lambda: len(desk.lent()) == 2)
    assert desk.stored() == set(desk.lent())


def test_what_is_too_large_for_a_piece_stays(desk: Desk) -> None:
    desk.lending.give(desk.first, desk.piece("piece-1", LARGEST_PARCEL_BYTES + 1))
    until(lambda: desk.lending.news().seats == ())  # it rests
    desk.lending.give(desk.second, desk.piece("piece-2"))
    desk.lending.close()
    assert desk.stored() == set()


def test_a_piece_that_was_done_meanwhile_frees_its_seat_and_nobody_rests(desk: Desk) -> None:
    desk.lending.give(desk.first, desk.directory / "piece-1")
    until(lambda: desk.lending.news().seats == (desk.second,))
    desk.lending.give(desk.second, desk.piece("piece-2"))
    until(lambda: len(desk.lent()) == 1)
    until(lambda: desk.lending.news().seats == (desk.first, desk.second))
    desk.lending.give(desk.first, desk.piece("piece-3"))
    until(lambda: len(desk.lent()) == 2)


class Slow(DirectoryWorkbench):
    """Lends when it is allowed to."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.is_lending, self.may_lend = threading.Event(), threading.Event()

    def lend(self, path: Path, most_bytes: int) -> str:
        self.is_lending.set()
        assert self.may_lend.wait(30)
        return super().lend(path, most_bytes)


def test_a_slow_storage_holds_nobody_up(database: Database, tmp_path: Path) -> None:
    workbench = Slow(tmp_path)
    desk = Desk(database, tmp_path, workbench)
    desk.lending.give(desk.first, desk.piece("piece-1"))
    desk.lending.give(desk.second, desk.piece("piece-2"))
    assert workbench.is_lending.wait(30)
    assert desk.lending.news().seats == (desk.first, desk.second)
    assert desk.lent() == []
    workbench.may_lend.set()
    until(lambda: len(desk.lent()) == 2)
    desk.lending.close()
    assert desk.stored() == set()
