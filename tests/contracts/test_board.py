"""What every task board guarantees (:class:`soundmill.service.ports.Board` and ``Upkeep``)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import update

from soundmill.adapters.board import HttpBoard, WorkerClient
from soundmill.adapters.database import Database, DatabaseBoard, DatabaseTasks
from soundmill.adapters.database.clock import from_now
from soundmill.adapters.database.schema import tasks
from soundmill.adapters.metrics import MeteredBoard, WorkerFigures
from soundmill.api import create_application
from soundmill.app import App
from soundmill.model.conversion import Failure, FailureCode
from soundmill.model.errors import InvalidOptions, StaleAttempt
from soundmill.model.options import parse_options
from soundmill.model.tasks import Attempt, NamedKey, RetryRule, TaskStatus, TaskView
from soundmill.service.ports import Board, NamedFile, QueueState
from soundmill.settings import Settings
from tests.builders import REPORT, REPORT_OF_JOINED, account, album, order, stored_file, submitted

DAMAGED = Failure(FailureCode.DAMAGED_INPUT, "The file is damaged after 0:01.")
CRASHED = Failure(FailureCode.CRASHED, "The conversion crashed.", retryable=True)
FULL = Failure(FailureCode.STORAGE, "The storage is full.", retryable=True)
AT_ONCE = RetryRule(most_tries=3, first_pause=timedelta(0))
WORKER_SECRET = "a secret of workers, long enough for one"
LONG, OVER = timedelta(minutes=1), timedelta(seconds=-1)


class Desk:
    """A board with an owner's view of it."""

    def __init__(
        self,
        database: Database,
        lease: timedelta = LONG,
        retries: RetryRule = AT_ONCE,
        over: Callable[[DatabaseBoard], Board] | None = None,
    ) -> None:
        self.database = database
        self.tasks = DatabaseTasks(database, queue_cap=2000)
        self.upkeep = DatabaseBoard(database, lease=lease, retries=retries)
        self.board = over(self.upkeep) if over else self.upkeep
        self.owner = account(database)
        self._claims = itertools.count(1)

    def submit(self, *formats: str) -> TaskView:
        return submitted(self.tasks, self.owner, *formats)[0]

    def claim(self) -> Attempt:
        assignment = self.board.claim(f"worker-{next(self._claims)}")
        assert assignment is not None
        return assignment.attempt

    def see(self, task_id: int) -> TaskView:
        return self.tasks.get(self.owner, task_id)


type MakeDesk = Callable[..., Desk]


@pytest.fixture(params=["database", "http", "metered"])
def make_desk(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> MakeDesk:
    """The board itself, as a worker without a database reaches it, and as it is counted."""
    over = {"database": None, "http": partial(over_http, tmp_path), "metered": metered}[request.param]
    return partial(Desk, database, over=over)


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk()


def metered(board: DatabaseBoard) -> Board:
    return MeteredBoard(board, WorkerFigures(CollectorRegistry()))


def over_http(directory: Path, board: DatabaseBoard) -> Board:
    return HttpBoard(client(api_with(directory, board=board)), patience=timedelta(0))


def api_with(directory: Path, **parts: object) -> httpx.WSGITransport:
    app = App(Settings(data_dir=directory, worker_secret=SecretStr(WORKER_SECRET)))
    vars(app).update(parts)
    return httpx.WSGITransport(create_application(app))


def client(transport: httpx.BaseTransport) -> WorkerClient:
    return WorkerClient("http://api", WORKER_SECRET, transport=transport)


def test_nothing_is_claimed_from_an_empty_board(desk: Desk) -> None:
    assert desk.board.claim("worker") is None


def test_a_claim_gives_all_that_a_worker_needs(desk: Desk) -> None:
    upload = stored_file()
    task = desk.tasks.submit(desk.owner, [NamedFile("a.wav", upload)], (order("mp3", bit_rate=128_000),))[0]
    assignment = desk.board.claim("worker")
    assert assignment is not None
    assert assignment.attempt == Attempt(task.id, 1)
    assert (assignment.sources, assignment.source_format) == ((NamedKey(upload.key, "a.wav"),), "wav")
    assert assignment.new_format == "mp3"
    assert assignment.options.bit_rate == 128_000
    assert assignment.account == str(desk.owner)
    assert desk.see(task.id).status is TaskStatus.PROCESSING


def test_what_was_accepted_is_claimed_although_it_is_refused_by_now(desk: Desk) -> None:
    refused = order("mp3", bit_rate=320_000, sample_rate=22_050)
    with pytest.raises(InvalidOptions):
        parse_options(refused.target, refused.options.as_dict())
    desk.tasks.submit(desk.owner, [NamedFile("a.wav", stored_file())], (refused,))
    assignment = desk.board.claim("worker")
    assert assignment is not None
    assert assignment.options == refused.options


def test_a_task_that_only_a_newer_version_understands_is_put_back_for_it(desk: Desk) -> None:
    later, sooner, unknown, known = (desk.submit("mp3") for _ in range(4))
    with desk.database.writing() as connection:
        for task, changes in (
            (later, {"options": {"echo": "long"}}),
            (sooner, {"options": {"onDamage": "guess"}}),
            (unknown, {"new_format": "mp5"}),
        ):
            connection.execute(update(tasks).where(tasks.c.id == task.id).values(changes))
    assert desk.claim() == Attempt(known.id, 1)
    assert desk.board.claim("worker") is None
    for task in (later, sooner, unknown):
        seen = desk.see(task.id)
        assert (seen.status, seen.attempts, seen.error_code) == (TaskStatus.UPLOADED, 0, FailureCode.TOO_NEW)


def test_a_worker_that_is_too_old_for_a_task_puts_it_back(database: Database, tmp_path: Path) -> None:
    desk = Desk(database)
    task = desk.submit()
    newer = api_with(tmp_path, board=desk.upkeep)

    def with_an_option(request: httpx.Request) -> httpx.Response:
        answer = newer.handle_request(request)
        if not request.url.path.endswith("/claim"):
            return answer
        told = json.loads(answer.read())
        return httpx.Response(200, json={**told, "options": {"echo": "long"}})

    assert HttpBoard(client(httpx.MockTransport(with_an_option))).claim("worker") is None
    seen = desk.see(task.id)
    assert (seen.status, seen.attempts, seen.error_code) == (TaskStatus.UPLOADED, 0, FailureCode.TOO_NEW)
    assert desk.board.claim("worker") is None  # not before its pause


def test_a_claim_of_joined_sources_gives_them_in_order_by_the_names_that_they_had(desk: Desk) -> None:
    sources = album("one.wav", "two.flac", "one.wav")
    desk.tasks.submit(desk.owner, sources, (order("mp3", join=True),))
    assignment = desk.board.claim("worker")
    assert assignment is not None
    assert assignment.sources == tuple(NamedKey(each.stored.key, each.name) for each in sources)
    assert assignment.options.join


def test_a_processed_task_of_joined_sources_shows_each_ones_sound(desk: Desk) -> None:
    task = desk.tasks.submit(desk.owner, album(), (order("mp3", join=True),))[0]
    desk.board.processed(desk.claim(), stored_file(), REPORT_OF_JOINED)
    seen = desk.see(task.id)
    assert [each.sound and each.sound["duration"] for each in seen.joined] == [0.25, 0.5, 0.75]
    assert seen.source_sound == seen.joined[0].sound


def test_a_task_is_claimed_once_however_many_ask(desk: Desk) -> None:
    made = {task.id for task in submitted(desk.tasks, desk.owner, *["mp3"] * 20)}
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda number: desk.board.claim(f"worker-{number}"), range(40)))
    claimed = [claim.attempt.task_id for claim in claims if claim is not None]
    # Under contention a claim may come back empty-handed; the rest is there for the next.
    while (assignment := desk.board.claim("worker")) is not None:
        claimed.append(assignment.attempt.task_id)
    assert sorted(claimed) == sorted(made)


def test_a_processed_task_shows_its_verified_result(desk: Desk) -> None:
    task = desk.submit()
    result = stored_file()
    desk.board.processed(desk.claim(), result, REPORT)
    seen = desk.see(task.id)
    assert seen.status is TaskStatus.PROCESSED
    assert seen.progress == 1
    assert seen.result is not None
    assert (seen.result.key, seen.result.size, seen.result.sha256) == (
        result.key,
        result.size,
        result.sha256,
    )
    assert seen.source_sound is not None
    assert seen.source_sound["duration"] == 1.5
    assert seen.not_carried == ("cover",)
    assert desk.tasks.find(desk.owner, "song.mp3").key == result.key


def test_saying_processed_twice_changes_nothing(desk: Desk) -> None:
    task, result = desk.submit(), stored_file()
    attempt = desk.claim()
    desk.board.processed(attempt, result, REPORT)
    before = desk.see(task.id)
    desk.board.processed(attempt, result, REPORT)
    assert desk.see(task.id) == before


def test_progress_is_seen_and_renews_the_lease(make_desk: MakeDesk) -> None:
    desk = make_desk(lease=OVER)
    task = desk.submit()
    attempt = desk.claim()
    renewing = make_desk(lease=LONG)
    renewing.board.progress(attempt, 0.25)
    assert desk.upkeep.expire_leases() == 0
    assert desk.see(task.id).progress == 0.25


def test_damage_ends_a_task_at_the_first_try(desk: Desk) -> None:
    task = desk.submit()
    desk.board.failed(desk.claim(), DAMAGED)
    seen = desk.see(task.id)
    assert (seen.status, seen.error_code, seen.error_message) == (
        TaskStatus.FAILED,
        "damaged_input",
        DAMAGED.message,
    )
    assert desk.board.claim("worker") is None


def test_a_crash_is_tried_again_up_to_the_limit(desk: Desk) -> None:
    task = desk.submit()
    for number in (1, 2, 3):
        assert desk.claim() == Attempt(task.id, number)
        desk.board.failed(Attempt(task.id, number), CRASHED)
    assert desk.see(task.id).status is TaskStatus.FAILED
    assert desk.see(task.id).attempts == 3


def test_a_retry_waits_for_its_pause(make_desk: MakeDesk) -> None:
    desk = make_desk(retries=RetryRule(3, timedelta(minutes=5)))
    task = desk.submit()
    desk.board.failed(desk.claim(), CRASHED)
    assert desk.see(task.id).status is TaskStatus.UPLOADED
    assert desk.board.claim("worker") is None


def test_patience_with_a_full_storage_begins_anew_when_a_task_is_asked_for_anew(make_desk: MakeDesk) -> None:
    desk = make_desk(retries=RetryRule(storage_pause=timedelta(0), storage_patience=timedelta(hours=1)))
    task = desk.submit()
    with desk.database.writing() as connection:
        connection.execute(update(tasks).values(created_at=from_now(-timedelta(hours=2))))
    desk.board.failed(desk.claim(), FULL)
    assert desk.see(task.id).status is TaskStatus.FAILED
    desk.tasks.restart(desk.owner, task.id, None)
    desk.board.failed(desk.claim(), FULL)
    assert desk.see(task.id).status is TaskStatus.UPLOADED


def test_saying_failed_twice_counts_once(desk: Desk) -> None:
    task = desk.submit()
    attempt = desk.claim()
    desk.board.failed(attempt, CRASHED)
    desk.board.failed(attempt, CRASHED)
    assert desk.see(task.id).attempts == 1
    assert desk.see(task.id).status is TaskStatus.UPLOADED


def test_an_expired_lease_makes_the_task_due_and_fences_the_old_attempt(make_desk: MakeDesk) -> None:
    desk = make_desk(lease=OVER)
    task = desk.submit()
    lost = desk.claim()
    assert desk.upkeep.expire_leases() == 1
    assert desk.see(task.id).status is TaskStatus.UPLOADED
    with pytest.raises(StaleAttempt):
        desk.board.progress(lost, 0.5)
    second = desk.claim()
    assert second == Attempt(task.id, 2)
    words: list[Callable[[], None]] = [
        lambda: desk.board.progress(lost, 0.5),
        lambda: desk.board.processed(lost, stored_file(), REPORT),
        lambda: desk.board.failed(lost, DAMAGED),
        lambda: desk.board.release(lost),
    ]
    for say in words:
        with pytest.raises(StaleAttempt):
            say()
    assert desk.upkeep.is_live(second)
    assert not desk.upkeep.is_live(lost)


def test_a_file_that_kills_its_worker_three_times_fails_with_that_reason(make_desk: MakeDesk) -> None:
    desk = make_desk(lease=OVER)
    task = desk.submit()
    for _ in range(3):
        desk.claim()
        desk.upkeep.expire_leases()
    seen = desk.see(task.id)
    assert (seen.status, seen.error_code) == (TaskStatus.FAILED, "worker_lost")
    assert "3 times" in (seen.error_message or "")


def test_a_lease_that_lasts_is_left_alone(desk: Desk) -> None:
    desk.submit()
    attempt = desk.claim()
    assert desk.upkeep.expire_leases() == 0
    assert desk.upkeep.is_live(attempt)


def test_a_released_task_is_due_at_once_and_the_attempt_does_not_count(
    desk: Desk,
) -> None:
    task = desk.submit()
    attempt = desk.claim()
    desk.board.release(attempt)
    desk.board.release(attempt)
    assert desk.see(task.id).attempts == 0
    assert desk.claim() == Attempt(task.id, 2)


@pytest.mark.parametrize("interruption", ["cancel", "change", "delete"])
def test_what_the_owner_does_fences_the_running_attempt(desk: Desk, interruption: str) -> None:
    task = desk.submit()
    attempt = desk.claim()
    if interruption == "cancel":
        desk.tasks.cancel(desk.owner, task.id)
    elif interruption == "change":
        desk.tasks.restart(desk.owner, task.id, order("flac"))
    else:
        desk.tasks.remove(desk.owner, task.id)
    with pytest.raises(StaleAttempt):
        desk.board.progress(attempt, 0.5)
    with pytest.raises(StaleAttempt):
        desk.board.processed(attempt, stored_file(), REPORT)
    assert not desk.upkeep.is_live(attempt)


def test_one_task_does_not_wait_for_anothers_thousand(desk: Desk) -> None:
    for _ in range(20):
        submitted(desk.tasks, desk.owner, *["mp3"] * 50)
    first_claims = [desk.claim() for _ in range(5)]
    other = account(desk.database)
    single = submitted(desk.tasks, other, "mp3")[0]
    following = [desk.claim().task_id for _ in range(3)]
    assert single.id in following, (first_claims, following)


def test_two_accounts_share_turn_by_turn(desk: Desk) -> None:
    other = account(desk.database)
    mine = {task.id for task in submitted(desk.tasks, desk.owner, *["mp3"] * 10)}
    submitted(desk.tasks, other, *["mp3"] * 10)
    turns = [desk.claim().task_id in mine for _ in range(20)]
    assert all(sum(turns[start : start + 2]) == 1 for start in range(0, 20, 2)), turns


def test_a_repeated_claim_gives_the_same_assignment(database: Database) -> None:
    desk = Desk(database)
    submitted(desk.tasks, desk.owner, "mp3", "ogg")
    first = desk.board.claim("worker")
    assert first is not None
    assert desk.board.claim("worker") == first
    assert desk.board.claim("another") != first
    assert desk.see(first.attempt.task_id).attempts == 1


def test_a_lost_answer_of_a_claim_costs_no_task(database: Database, tmp_path: Path) -> None:
    desk = Desk(database)
    task = desk.submit()
    working = api_with(tmp_path, board=desk.upkeep)
    lost = iter([True, False])

    def lossy(request: httpx.Request) -> httpx.Response:
        answer = working.handle_request(request)
        if next(lost):
            raise httpx.ReadError("the answer was lost", request=request)
        return answer

    board = HttpBoard(client(httpx.MockTransport(lossy)))
    assignment = board.claim("worker")
    assert assignment is not None
    assert assignment.attempt == Attempt(task.id, 1)


def test_an_api_of_the_version_before_knows_of_one_source() -> None:
    told = {"taskId": 7, "attempt": 1, "sourceKey": "a" * 32, "newFormat": "mp3", "options": {}}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=told))
    assignment = HttpBoard(client(transport)).claim("worker")
    assert assignment is not None
    assert assignment.sources == (NamedKey("a" * 32, ""),)


def test_an_api_that_is_away_is_not_told_of_at_each_progress(capsys: pytest.CaptureFixture[str]) -> None:
    board = HttpBoard(client(httpx.MockTransport(lambda request: httpx.Response(503, text="away for now"))))
    for fraction in (0.1, 0.2, 0.3):
        board.progress(Attempt(1, 1), fraction)
    assert capsys.readouterr().out.count("progress not told") == 1


def test_one_task_can_be_claimed_by_its_number(desk: Desk) -> None:
    first, second = submitted(desk.tasks, desk.owner, "mp3", "ogg")
    assignment = desk.board.claim("worker", second.id)
    assert assignment is not None
    assert assignment.attempt == Attempt(second.id, 1)
    assert desk.see(first.id).status is TaskStatus.UPLOADED


def test_a_task_that_is_not_due_can_not_be_claimed(desk: Desk) -> None:
    task = desk.submit()
    desk.claim()
    assert desk.board.claim("another", task.id) is None


def test_what_is_due_is_counted_up_to_a_limit(desk: Desk) -> None:
    submitted(desk.tasks, desk.owner, *["mp3"] * 5)
    assert desk.upkeep.due(timedelta(0), 100) == 5
    assert desk.upkeep.due(timedelta(0), 3) == 3
    assert desk.upkeep.due(timedelta(hours=1), 100) == 0
    desk.claim()
    assert desk.upkeep.due(timedelta(0), 100) == 4


def test_the_state_of_the_queue(desk: Desk) -> None:
    assert desk.upkeep.queue_state() == QueueState(0, 0, timedelta(0))
    submitted(desk.tasks, desk.owner, *["mp3"] * 3)
    desk.claim()
    state = desk.upkeep.queue_state()
    assert (state.waiting, state.running) == (2, 1)
    assert state.oldest >= timedelta(0)


def test_claims_repeated_at_once_take_one_task(database: Database) -> None:
    desk = Desk(database)
    submitted(desk.tasks, desk.owner, *["mp3"] * 40)
    with ThreadPoolExecutor(6) as pool:
        for number in range(5):
            claims = list(pool.map(lambda _, owner=f"worker-{number}": desk.board.claim(owner), range(6)))
            # Under contention one may come back empty-handed, as between different workers.
            assert len({claim.attempt for claim in claims if claim is not None}) == 1


def test_janitors_at_once_count_each_lost_lease_once(database: Database) -> None:
    desk = Desk(database, lease=OVER)
    made = submitted(desk.tasks, desk.owner, *["mp3"] * 20)
    for _ in made:
        desk.claim()
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: desk.upkeep.expire_leases(), range(8))) == 20
