"""What the log of events guarantees (:class:`soundmill.service.ports.EventLog`)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from soundmill.adapters.database import Database, DatabaseBoard, DatabaseEvents, DatabaseTasks
from soundmill.model.conversion import Failure, FailureCode
from soundmill.model.tasks import Attempt, RetryRule, TaskStatus
from soundmill.service.ports import TaskProgress
from tests.builders import REPORT, account, order, stored_file, submitted

DAMAGED = Failure(FailureCode.DAMAGED_INPUT, "The file is damaged.")
LONG = timedelta(hours=1)


class Office:
    """Tasks of two owners, and what is told of them."""

    def __init__(self, database: Database) -> None:
        self.tasks = DatabaseTasks(database, queue_cap=1000)
        self.board = DatabaseBoard(database, lease=LONG, retries=RetryRule(most_tries=1))
        self.hasty = DatabaseBoard(database, lease=-LONG, retries=RetryRule(most_tries=1))
        self.log = DatabaseEvents(database)
        self.owner, self.stranger = account(database), account(database)

    def submit(self, *formats: str) -> list[int]:
        return [task.id for task in submitted(self.tasks, self.owner, *formats)]

    def claim(self, board: DatabaseBoard | None = None) -> Attempt:
        assignment = (board or self.board).claim("worker")
        assert assignment is not None
        return assignment.attempt

    def told(self, position: int = 0) -> list[tuple[int, TaskStatus]]:
        return [(each.task_id, each.status) for each in self.log.after({self.owner: position}, 100)]


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


def test_every_end_is_told_once(office: Office) -> None:
    done, broken, lost, unwanted = (office.submit()[0] for _ in range(4))
    attempt, result = office.claim(), stored_file()
    office.board.processed(attempt, result, REPORT)
    office.board.processed(attempt, result, REPORT)
    attempt = office.claim()
    office.board.failed(attempt, DAMAGED)
    office.board.failed(attempt, DAMAGED)
    office.claim(office.hasty)
    office.hasty.expire_leases()
    office.hasty.expire_leases()
    office.tasks.cancel(office.owner, unwanted)
    office.tasks.cancel(office.owner, unwanted)
    assert office.told() == [
        (done, TaskStatus.PROCESSED),
        (broken, TaskStatus.FAILED),
        (lost, TaskStatus.FAILED),
        (unwanted, TaskStatus.CANCELLED),
    ]


def test_what_goes_on_is_no_end(database: Database) -> None:
    office = Office(database)
    patient = DatabaseBoard(database, lease=-LONG, retries=RetryRule(first_pause=timedelta(0)))
    office.submit()
    patient.release(office.claim(patient))
    patient.failed(office.claim(patient), Failure(FailureCode.CRASHED, "It crashed.", retryable=True))
    office.claim(patient)
    patient.expire_leases()
    assert office.told() == []


def test_a_task_that_ends_again_is_told_again(office: Office) -> None:
    task = office.submit()[0]
    office.tasks.cancel(office.owner, task)
    position = office.log.newest(office.owner)
    office.tasks.restart(office.owner, task, order("flac"))
    office.board.processed(office.claim(), stored_file(), REPORT)
    assert office.told(position) == [(task, TaskStatus.PROCESSED)]


def test_nothing_is_told_to_strangers(office: Office) -> None:
    office.tasks.cancel(office.owner, office.submit()[0])
    assert office.log.after({office.stranger: 0}, 100) == []
    assert office.log.newest(office.stranger) == 0


def test_events_come_page_by_page_for_several_accounts(office: Office) -> None:
    for task in office.submit("mp3", "ogg", "flac"):
        office.tasks.cancel(office.owner, task)
    positions, seen = {office.owner: 0, office.stranger: 0}, []
    while page := office.log.after(positions, 2):
        seen += page
        positions[office.owner] = page[-1].id
    assert [each.id for each in seen] == sorted({each.id for each in seen})
    assert len(seen) == 3


def test_one_accounts_many_events_keep_no_other_account_waiting(office: Office) -> None:
    for task in office.submit(*["mp3"] * 5):
        office.tasks.cancel(office.owner, task)
    late = submitted(office.tasks, office.stranger)[0].id
    office.tasks.cancel(office.stranger, late)
    page = office.log.after({office.owner: 0, office.stranger: 0}, 2)
    assert [each.account_id for each in page] == [office.owner, office.owner, office.stranger]
    assert office.log.after({}, 2) == []


def test_who_reads_while_much_ends_at_once_misses_nothing(office: Office) -> None:
    tasks = office.submit(*["mp3"] * 30)
    seen: list[int] = []
    position = 0
    with ThreadPoolExecutor(6) as pool:
        ending = [pool.submit(office.tasks.cancel, office.owner, task) for task in tasks]
        while len(seen) < len(tasks) and not (all(each.done() for each in ending) and not office.told(position)):
            for event in office.log.after({office.owner: position}, 100):
                seen.append(event.task_id)
                position = event.id
    assert sorted(seen) == sorted(tasks)


def test_only_what_is_being_converted_is_running(office: Office) -> None:
    first = office.submit("mp3", "ogg")[0]
    attempt = office.claim()
    office.board.progress(attempt, 0.5)
    assert office.log.running({office.owner}) == [TaskProgress(office.owner, first, 0.5)]
    assert office.log.running({office.stranger}) == []
    office.board.processed(attempt, stored_file(), REPORT)
    assert office.log.running({office.owner}) == []


def test_events_are_forgotten_after_a_while(office: Office) -> None:
    office.tasks.cancel(office.owner, office.submit()[0])
    office.log.forget_events(LONG)
    assert len(office.told()) == 1
    office.log.forget_events(-LONG)
    assert office.told() == []
