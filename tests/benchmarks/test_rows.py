"""Rows that are made in bulk are such as the service makes."""

from __future__ import annotations

from datetime import timedelta

from benchmarks.rows import fill
from soundmill.adapters.database import Database, DatabaseBoard, DatabaseTasks
from soundmill.model.tasks import RetryRule, TaskStatus
from soundmill.service.ports import PageRequest
from tests import builders

COUNT = 300


def test_filled_tasks_are_listed_claimed_and_followed_by_others(database: Database) -> None:
    owner = builders.account(database)
    fill(database, owner, COUNT, TaskStatus.PROCESSED)
    fill(database, owner, 1, TaskStatus.UPLOADED)
    store = DatabaseTasks(database, queue_cap=10_000)
    (added,) = builders.submitted(store, owner)
    page = store.page(owner, PageRequest(1000))
    assert [each.status for each in page] == [TaskStatus.PROCESSED] * COUNT + [TaskStatus.UPLOADED] * 2
    assert page[-1] == added
    assert all((each.result is None) == (each.status is TaskStatus.UPLOADED) for each in page)
    assert len({each.file_name for each in page}) == len(page)
    board = DatabaseBoard(database, lease=timedelta(minutes=1), retries=RetryRule())
    claimed = [board.claim(f"worker {number}") for number in range(3)]
    assert [each and each.attempt.task_id for each in claimed] == [page[-2].id, added.id, None]


def test_several_accounts_are_filled_in_turns(database: Database) -> None:
    first, second = builders.account(database), builders.account(database)
    fill(database, first, 5, TaskStatus.UPLOADED, accounts=2)
    store = DatabaseTasks(database, queue_cap=10_000)
    assert [len(store.page(each, PageRequest(10))) for each in (first, second)] == [3, 2]
