"""What all seats beside long conversions guarantee (:class:`soundmill.service.ports.Seats` and ``SeatUpkeep``)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select, update

from soundmill.adapters.board import HttpSeats
from soundmill.adapters.database import Database, DatabaseBoard, DatabaseSeats, DatabaseTasks
from soundmill.adapters.database.clock import from_now, now
from soundmill.adapters.database.schema import seats as rows
from soundmill.adapters.database.schema import tasks as task_rows
from soundmill.adapters.metrics import MeteredSeats, WorkerFigures
from soundmill.model.errors import StaleAttempt, Unreachable
from soundmill.model.tasks import Attempt, RetryRule
from soundmill.service.calling import CallingSeats
from soundmill.service.ports import Seat, Seats
from tests.builders import account, submitted
from tests.contracts.test_board import api_with, client
from tests.waiting import until

BUILD, OLD_BUILD = "soundmill 2, ffmpeg 9", "soundmill 1, ffmpeg 9"
WORK, ANSWER, OTHER = ("a" * 32, "b" * 32, "c" * 32)


class Bell:
    """A doorbell that counts."""

    def __init__(self) -> None:
        self.rung = 0
        self.waiting: int | None = 0

    def ring(self, task_ids: tuple[int, ...]) -> None:
        self.rung += len(task_ids)

    def unheard(self) -> int | None:
        if self.waiting is None:
            raise Unreachable("The broker doesn't answer.")
        return self.waiting


class Room:
    """Conversions that run, and seats beside them."""

    def __init__(self, database: Database, over: Callable[[DatabaseSeats], Seats]) -> None:
        self.database = database
        self.tasks = DatabaseTasks(database, queue_cap=100)
        self.board = DatabaseBoard(database, lease=timedelta(minutes=1), retries=RetryRule(first_pause=timedelta(0)))
        self.upkeep = DatabaseSeats(database)
        self.seats = over(self.upkeep)
        self.owner = account(database)

    def running(self) -> Attempt:
        task = submitted(self.tasks, self.owner, "mp3")[0]
        assignment = self.board.claim(f"owner of {task.id}", task.id)
        assert assignment is not None
        return assignment.attempt

    def opened(self) -> Attempt:
        attempt = self.running()
        self.seats.open(attempt, BUILD)
        return attempt

    def at_work(self) -> tuple[Attempt, int]:
        """An attempt, and the seat beside it that was given a piece."""
        attempt = self.opened()
        self.seats.take("me", BUILD)
        seat = self.seats.taken(attempt)[0].id
        self.seats.give(attempt, seat, WORK)
        return attempt, seat

    def moment(self) -> datetime:
        """By the database's clock."""
        with self.database.reading() as connection:
            found: datetime = connection.execute(select(now())).scalar_one()
        return found

    def wait_for_long(self) -> None:
        """What is due has been so for a while, and nobody has been heard of."""
        with self.database.writing() as connection:
            connection.execute(update(task_rows).values(due_at=from_now(timedelta(seconds=-20))))
            connection.execute(update(rows).values(seen_at=from_now(timedelta(seconds=-20))))


@pytest.fixture(params=["database", "http", "calling", "metered"])
def room(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Room:
    def over_http(seats: DatabaseSeats) -> Seats:
        return HttpSeats(client(api_with(tmp_path, seats=seats)))

    def calling(seats: DatabaseSeats) -> Seats:
        return CallingSeats(seats, Bell())

    def metered(seats: DatabaseSeats) -> Seats:
        return MeteredSeats(seats, WorkerFigures(CollectorRegistry()))

    def itself(seats: DatabaseSeats) -> Seats:
        return seats

    ways = {"database": itself, "http": over_http, "calling": calling, "metered": metered}
    return Room(database, ways[request.param])


def test_nobody_is_needed_where_nothing_is_open(room: Room) -> None:
    room.running()
    assert not room.seats.take("me", BUILD)


def test_who_comes_has_seats_that_the_conversion_sees(room: Room) -> None:
    attempt = room.opened()
    assert room.seats.taken(attempt) == []
    assert room.seats.take("me", BUILD)
    assert [(each.work, each.answer) for each in room.seats.taken(attempt)] == [(None, None)] * 2


def test_a_piece_goes_to_a_seat_and_its_answer_comes_back(room: Room) -> None:
    attempt = room.opened()
    room.seats.take("me", BUILD)
    seat = room.seats.taken(attempt)[0].id
    assert room.seats.next_work("me") is None
    room.seats.give(attempt, seat, WORK)
    work = room.seats.next_work("me")
    assert work == Seat(seat, WORK)
    room.seats.answer("me", work, ANSWER)
    assert room.seats.taken(attempt)[0] == Seat(seat, WORK, ANSWER)
    assert room.seats.next_work("me") is None
    room.seats.give(attempt, seat, OTHER)
    assert room.seats.taken(attempt)[0] == Seat(seat, OTHER)
    assert room.seats.next_work("me") == Seat(seat, OTHER)


def test_pieces_are_done_in_the_order_in_which_they_were_given(room: Room) -> None:
    attempt = room.opened()
    room.seats.take("me", BUILD)
    first, second = (each.id for each in room.seats.taken(attempt))
    room.seats.give(attempt, second, WORK)
    given_at = room.moment()
    until(lambda: room.moment() > given_at)  # the database counts milliseconds
    room.seats.give(attempt, first, OTHER)
    assert room.seats.next_work("me") == Seat(second, WORK)


def test_a_seat_has_one_piece_at_a_time(room: Room) -> None:
    attempt, seat = room.at_work()
    with pytest.raises(StaleAttempt):
        room.seats.give(attempt, seat, OTHER)


def test_other_versions_do_not_help(room: Room) -> None:
    room.opened()
    assert not room.seats.take("me", OLD_BUILD)


def test_tasks_that_wait_come_first(room: Room) -> None:
    attempt = room.opened()
    room.seats.take("me", BUILD)
    submitted(room.tasks, room.owner, "ogg")
    # A free worker may be about to take it.
    assert room.seats.next_work("me") is None
    with room.database.writing() as connection:
        connection.execute(update(task_rows).values(due_at=from_now(timedelta(seconds=-1))))
    with pytest.raises(StaleAttempt):
        room.seats.next_work("me")
    assert not room.seats.take("another", BUILD)
    room.seats.leave("me")
    assert room.seats.taken(attempt) == []


@pytest.mark.parametrize("end", ["close", "cancel", "release"])
def test_helpers_go_when_the_conversion_is_over(room: Room, end: str) -> None:
    attempt, _ = room.at_work()
    work = room.seats.next_work("me")
    assert work is not None
    if end == "close":
        room.seats.close(attempt)
    elif end == "cancel":
        room.tasks.cancel(room.owner, attempt.task_id)
    else:
        room.board.release(attempt)
    with pytest.raises(StaleAttempt):
        room.seats.next_work("me")
    assert not room.seats.take("me", BUILD)


def test_nobody_waits_for_the_answer_of_one_who_left(room: Room) -> None:
    attempt, seat = room.at_work()
    room.seats.leave("me")
    with pytest.raises(StaleAttempt):
        room.seats.answer("me", Seat(seat, WORK), ANSWER)
    with pytest.raises(StaleAttempt):
        room.seats.give(attempt, seat, OTHER)


def test_an_answer_is_the_helper_s_own(room: Room) -> None:
    _, seat = room.at_work()
    with pytest.raises(StaleAttempt):
        room.seats.answer("you", Seat(seat, WORK), ANSWER)
    with pytest.raises(StaleAttempt):
        room.seats.answer("me", Seat(seat, OTHER), ANSWER)


def test_closing_tells_what_nobody_will_collect(room: Room) -> None:
    attempt = room.opened()
    room.seats.take("me", BUILD)
    first, second = (each.id for each in room.seats.taken(attempt))
    room.seats.give(attempt, first, WORK)
    room.seats.answer("me", Seat(first, WORK), ANSWER)
    assert sorted(room.seats.close(attempt), key=lambda each: each.id) == [Seat(first, WORK, ANSWER), Seat(second)]
    assert room.seats.close(attempt) == []


def test_who_is_not_heard_of_is_taken_for_lost(room: Room) -> None:
    attempt = room.opened()
    room.seats.take("me", BUILD)
    seat = room.seats.taken(attempt)[0].id
    room.wait_for_long()
    assert room.seats.taken(attempt) == []
    with pytest.raises(StaleAttempt):
        room.seats.give(attempt, seat, WORK)
    room.seats.next_work("me")
    assert len(room.seats.taken(attempt)) == 2


def test_helpers_spread_over_conversions_and_are_not_too_many(room: Room) -> None:
    first, second = room.opened(), room.opened()
    assert [room.seats.take(f"helper {number}", BUILD) for number in range(20)].count(True) == 16
    assert len(room.seats.taken(first)) == len(room.seats.taken(second)) == 16


def test_one_sits_at_one_place(room: Room) -> None:
    attempt = room.opened()
    room.seats.take("me", BUILD)
    assert room.seats.take("me", BUILD)
    assert len(room.seats.taken(attempt)) == 2


def test_what_is_opened_again_stays_as_it_is(room: Room) -> None:
    attempt = room.opened()
    room.seats.take("me", BUILD)
    room.seats.open(attempt, BUILD)
    assert len(room.seats.taken(attempt)) == 2


def test_an_attempt_that_is_over_opens_nothing(room: Room) -> None:
    attempt = room.opened()
    room.board.release(attempt)
    with pytest.raises(StaleAttempt):
        room.seats.open(attempt, BUILD)


def test_the_next_attempt_begins_anew(room: Room) -> None:
    attempt = room.opened()
    room.seats.take("me", BUILD)
    room.board.release(attempt)
    assignment = room.board.claim("owner")
    assert assignment is not None
    room.seats.open(assignment.attempt, BUILD)
    assert room.seats.taken(assignment.attempt) == []
    with pytest.raises(StaleAttempt):
        room.seats.next_work("me")
    room.seats.close(attempt)  # of the one before: it closes nothing
    assert room.seats.take("me", BUILD)


def test_what_a_killed_worker_left_is_forgotten(room: Room) -> None:
    attempt, other = room.opened(), room.opened()
    room.seats.take("me", BUILD)
    room.seats.take("you", BUILD)
    room.board.release(attempt)
    room.upkeep.forget_seats()
    room.upkeep.forget_seats()
    with room.database.reading() as connection:
        assert connection.execute(rows.select()).all() != []
    assert len(room.seats.taken(other)) == 2
    room.tasks.cancel(room.owner, other.task_id)
    room.upkeep.forget_seats()
    with room.database.reading() as connection:
        assert connection.execute(rows.select()).all() == []


def test_a_deleted_task_takes_its_seats_along(room: Room) -> None:
    attempt = room.opened()
    room.seats.take("me", BUILD)
    room.tasks.cancel(room.owner, attempt.task_id)
    room.tasks.remove(room.owner, attempt.task_id)
    with room.database.reading() as connection:
        assert connection.execute(rows.select()).all() == []


def test_free_workers_are_called_until_nobody_hears(database: Database) -> None:
    bell = Bell()
    room = Room(database, lambda seats: CallingSeats(seats, bell))
    attempt = room.opened()
    called = bell.rung
    assert called > 0
    assert room.seats.take("me", BUILD)
    assert bell.rung > called
    called, bell.waiting = bell.rung, 3
    room.seats.open(attempt, BUILD)
    assert bell.rung == called
    bell.waiting = None
    room.seats.open(attempt, BUILD)
    assert room.seats.take("you", BUILD)


def test_pieces_are_counted(database: Database) -> None:
    registry = CollectorRegistry()
    room = Room(database, lambda seats: MeteredSeats(seats, WorkerFigures(registry)))
    attempt = room.opened()
    room.seats.take("me", BUILD)
    for each in room.seats.taken(attempt):
        room.seats.give(attempt, each.id, WORK)
    work = room.seats.next_work("me")
    assert work is not None
    room.seats.answer("me", work, ANSWER)
    counted = [registry.get_sample_value("soundmill_pieces_total", {"step": step}) for step in ("lent", "answered")]
    assert counted == [2, 1]
