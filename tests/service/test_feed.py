"""Who listens hears what happens to the account's tasks, and of no other's."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from soundmill.adapters.database import Database, DatabaseBoard, DatabaseEvents, DatabaseTasks
from soundmill.model.errors import Busy, Unreachable
from soundmill.model.tasks import Attempt, RetryRule, TaskStatus
from soundmill.service import feed
from soundmill.service.feed import Feed, News
from soundmill.service.ports import TaskProgress
from tests.builders import REPORT, account, stored_file, submitted
from tests.waiting import until

SHORTLY = timedelta(milliseconds=20)


class Radio:
    """A feed over a database in which things happen."""

    def __init__(self, database: Database, most: int = 12) -> None:
        self.tasks = DatabaseTasks(database, queue_cap=100)
        self.board = DatabaseBoard(database, lease=timedelta(minutes=1), retries=RetryRule())
        self.log = DatabaseEvents(database)
        self.feed = Feed(self.log, self.tasks, most)
        self.owner, self.stranger = account(database), account(database)

    def submit(self) -> int:
        return submitted(self.tasks, self.owner)[0].id

    def claim(self) -> Attempt:
        assignment = self.board.claim("worker")
        assert assignment is not None
        return assignment.attempt

    def listen(self, account_id: int | None = None, after: int | None = None) -> tuple[int, Ear]:
        position, rounds = self.feed.listen(account_id or self.owner, after, SHORTLY)
        return position, Ear(rounds)


class Ear:
    """What was heard so far."""

    def __init__(self, rounds: Iterator[list[News]]) -> None:
        self._rounds = rounds
        self.heard: list[News] = []

    def hears(self, *expected: tuple[int, TaskStatus, float]) -> bool:
        self.heard += next(self._rounds, [])
        return [(each.task_id, each.status, each.progress) for each in self.heard] == list(expected)

    def leave(self) -> None:
        self._rounds.close()  # type: ignore[attr-defined]


@pytest.fixture
def radio(database: Database) -> Iterator[Radio]:
    made = Radio(database)
    with closing(made.feed):
        yield made


def test_a_conversion_is_heard_from_its_beginning_to_its_end(radio: Radio) -> None:
    task = radio.submit()
    _, ear = radio.listen()
    attempt = radio.claim()
    story = [(task, TaskStatus.PROCESSING, 0.0)]
    until(lambda: ear.hears(*story))
    radio.board.progress(attempt, 0.25)
    story.append((task, TaskStatus.PROCESSING, 0.25))
    until(lambda: ear.hears(*story))
    radio.board.processed(attempt, stored_file(), REPORT)
    story.append((task, TaskStatus.PROCESSED, 1.0))
    until(lambda: ear.hears(*story))
    assert [each.position is None for each in ear.heard] == [True, True, False]


def test_a_task_that_is_given_back_waits_again_and_one_that_is_deleted_is_not_mentioned(radio: Radio) -> None:
    returned, deleted = radio.submit(), radio.submit()
    _, ear = radio.listen()
    attempt = radio.claim()
    radio.board.progress(attempt, 0.1)
    until(lambda: ear.hears((returned, TaskStatus.PROCESSING, 0.1)))
    radio.board.release(attempt)
    until(lambda: ear.hears((returned, TaskStatus.PROCESSING, 0.1), (returned, TaskStatus.UPLOADED, 0.0)))
    radio.tasks.cancel(radio.owner, returned)
    radio.claim()
    radio.tasks.remove(radio.owner, deleted)
    end = radio.submit()
    radio.tasks.cancel(radio.owner, end)
    until(lambda: ear.hears(*_but(ear, deleted)) and ear.heard[-1].task_id == end)
    assert {each.status for each in ear.heard if each.task_id == deleted} <= {TaskStatus.PROCESSING}


def _but(ear: Ear, task: int) -> list[tuple[int, TaskStatus, float]]:
    return [(each.task_id, each.status, each.progress) for each in ear.heard]


def test_who_comes_back_hears_what_ended_meanwhile(radio: Radio) -> None:
    first, second = radio.submit(), radio.submit()
    position, ear = radio.listen()
    radio.tasks.cancel(radio.owner, first)
    until(lambda: ear.hears((first, TaskStatus.CANCELLED, 0.0)))
    ear.leave()
    radio.tasks.cancel(radio.owner, second)
    _, again = radio.listen(after=ear.heard[-1].position)
    until(lambda: again.hears((second, TaskStatus.CANCELLED, 0.0)))
    _, from_the_start = radio.listen(after=position)
    until(lambda: from_the_start.hears((first, TaskStatus.CANCELLED, 0.0), (second, TaskStatus.CANCELLED, 0.0)))


def test_listeners_of_several_accounts_hear_their_own(radio: Radio) -> None:
    _, mine = radio.listen()
    _, late = radio.listen(after=0)
    _, other = radio.listen(radio.stranger)
    task = radio.submit()
    radio.tasks.cancel(radio.owner, task)
    until(lambda: mine.hears((task, TaskStatus.CANCELLED, 0.0)))
    until(lambda: late.hears((task, TaskStatus.CANCELLED, 0.0)))
    assert other.hears()


def test_only_so_many_may_listen_and_who_leaves_makes_room(database: Database) -> None:
    radio = Radio(database, most=2)
    others = account(database)
    with closing(radio.feed):
        ears = [radio.listen(each)[1] for each in (radio.owner, radio.stranger)]
        for ear in ears:
            ear.hears()
        with pytest.raises(Busy):
            radio.listen(others)
        ears[0].leave()
        radio.listen(others)


def test_one_account_takes_a_quarter_of_the_places_at_most(database: Database) -> None:
    radio = Radio(database, most=8)
    with closing(radio.feed):
        mine = [radio.listen()[1] for _ in range(2)]
        for ear in mine:
            ear.hears()
        with pytest.raises(Busy):
            radio.listen()
        radio.listen(radio.stranger)


def test_who_never_reads_takes_no_place(database: Database) -> None:
    radio = Radio(database, most=1)
    with closing(radio.feed):
        for _ in range(3):
            _, ear = radio.listen()
            ear.leave()
        _, ear = radio.listen()
        assert not ear.heard


def test_a_position_of_another_database_is_taken_for_now(radio: Radio) -> None:
    position, ear = radio.listen(after=10**9)
    assert position == 0
    task = radio.submit()
    radio.tasks.cancel(radio.owner, task)
    until(lambda: ear.hears((task, TaskStatus.CANCELLED, 0.0)))


def test_an_end_that_was_told_before_is_not_followed_by_progress(radio: Radio) -> None:
    """The looker reads what runs, the task ends, somebody comes who knows of the end, and then the looker reads the events."""
    task = radio.submit()
    _, first = radio.listen()
    attempt = radio.claim()
    until(lambda: first.hears((task, TaskStatus.PROCESSING, 0.0)))
    late: list[Ear] = []
    read = radio.log.running

    def then_it_ends(account_ids: Collection[int]) -> list[TaskProgress]:
        found = read(account_ids)
        if found and not late:
            radio.board.processed(attempt, stored_file(), REPORT)
            late.append(radio.listen()[1])
            late[0].hears()
        return [TaskProgress(each.account_id, each.task_id, 0.6) for each in found]

    radio.log.running = then_it_ends  # type: ignore[method-assign]
    until(lambda: late)
    until(lambda: first.hears((task, TaskStatus.PROCESSING, 0.0), (task, TaskStatus.PROCESSED, 1.0)))
    assert late[0].hears()


def test_a_database_that_is_away_is_asked_again_and_that_is_told_once(
    radio: Radio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = radio.submit()
    radio.claim()
    read, asked = radio.log.running, 0

    def away_at_first(account_ids: Collection[int]) -> list[TaskProgress]:
        nonlocal asked
        asked += 1
        if asked <= 3:
            raise Unreachable("The database doesn't answer.", detail_for_log="connection refused")
        return read(account_ids)

    monkeypatch.setattr(feed, "_ROUND_SECONDS", 0.01)
    radio.log.running = away_at_first  # type: ignore[method-assign]
    _, ear = radio.listen()
    until(lambda: ear.hears((task, TaskStatus.PROCESSING, 0.0)))
    logged = capsys.readouterr().out
    assert logged.count("nobody is told of events") == 1
    assert "connection refused" in logged
    assert "Traceback" not in logged


def test_all_go_when_the_feed_is_closed(radio: Radio) -> None:
    _, rounds = radio.feed.listen(radio.owner, None, timedelta(minutes=5))
    radio.feed.close()
    assert list(rounds) == [[]]
