"""Uploads of one account that come at once share a transaction, and nothing else: each is accepted or refused by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import event, update
from sqlalchemy.exc import IntegrityError

from soundmill.adapters.database import Database, DatabaseAccounts, DatabaseTasks
from soundmill.adapters.database.batches import Batches, Piece
from soundmill.adapters.database.schema import accounts
from soundmill.model.errors import KeyReused, OverQuota, QueueFull
from soundmill.model.quota import Quota
from soundmill.model.tasks import TaskView
from soundmill.service.ports import NamedFile, Once, StoredFile
from tests.builders import account, order, stored_file

type Submitting = Callable[[], list[TaskView]]


def at_once(database: Database, owner: int, submitting: Sequence[Submitting]) -> list[Future[list[TaskView]]]:
    """All wait for the account before one of them gets it."""
    begun = threading.Semaphore(0)

    def begin(each: Submitting) -> list[TaskView]:
        begun.release()
        return each()

    with ThreadPoolExecutor(len(submitting)) as pool, database.writing() as connection:
        connection.execute(update(accounts).where(accounts.c.id == owner).values(used_bytes=accounts.c.used_bytes))
        futures = [pool.submit(begin, each) for each in submitting]
        for _ in submitting:
            assert begun.acquire(timeout=30)
    return futures


def sending(tasks: DatabaseTasks, owner: int, upload: StoredFile, once: Once | None = None) -> Submitting:
    return lambda: tasks.submit(owner, [NamedFile("song.wav", upload)], (order("mp3"), order("flac")), once)


def commits_of(database: Database) -> list[object]:
    seen: list[object] = []
    event.listen(database._engine, "commit", seen.append)
    return seen


def test_many_uploads_need_few_commits(database: Database) -> None:
    tasks, owner = DatabaseTasks(database, queue_cap=100), account(database)
    commits = commits_of(database)
    made = [
        each.result() for each in at_once(database, owner, [sending(tasks, owner, stored_file()) for _ in range(12)])
    ]
    names = [both[0].file_name for both in made] + [task.result_name for both in made for task in both]
    assert len(set(names)) == 36
    assert len({task.id for both in made for task in both}) == 24
    assert len(commits) < 12


def test_one_that_is_refused_is_refused_alone(database: Database) -> None:
    tasks = DatabaseTasks(database, queue_cap=100, quota=Quota(5 * 1000))
    owner = account(database)
    uploads = [replace(stored_file(), size=1000) for _ in range(8)]
    futures = at_once(database, owner, [sending(tasks, owner, each) for each in uploads])
    refused = [each.exception() for each in futures if each.exception()]
    assert [type(each) for each in refused] == [OverQuota] * 3
    found = DatabaseAccounts(database).get(owner, "no such token")
    assert found is not None
    assert found.used_bytes == 5 * 1000


def test_a_queue_that_is_full_refuses_those_that_have_no_room(database: Database) -> None:
    tasks, owner = DatabaseTasks(database, queue_cap=7), account(database)
    futures = at_once(database, owner, [sending(tasks, owner, stored_file()) for _ in range(5)])
    assert sum(each.exception() is None for each in futures) == 3
    assert {type(each.exception()) for each in futures if each.exception()} == {QueueFull}


def test_one_that_the_database_rejects_takes_none_along(database: Database) -> None:
    tasks, owner = DatabaseTasks(database, queue_cap=100), account(database)
    twice = stored_file()
    uploads = [stored_file(), twice, stored_file(), twice, stored_file()]  # a key belongs to one file
    futures = at_once(database, owner, [sending(tasks, owner, each) for each in uploads])
    assert sorted(each.exception() is None for each in futures) == [False, True, True, True, True]
    assert [type(each.exception()) for each in futures if each.exception()] == [IntegrityError]


def test_one_key_at_once_is_one_request(database: Database) -> None:
    tasks, owner = DatabaseTasks(database, queue_cap=100), account(database)
    once = Once("key", "0" * 64)
    sent = [sending(tasks, owner, stored_file(), once) for _ in range(4)]
    other = sending(tasks, owner, stored_file(), Once("key", "1" * 64))
    *futures, last = at_once(database, owner, [*sent, other])
    made = {tuple(task.id for task in each.result()) for each in futures if each.exception() is None}
    if last.exception() is None:  # it came first
        assert {type(each.exception()) for each in futures} == {KeyReused}
    else:
        assert len(made) == 1
        assert isinstance(last.exception(), KeyReused)


def test_what_fails_as_a_whole_fails_for_all_and_the_next_is_well() -> None:
    fails = threading.Event()
    fails.set()

    def carry_out(account_id: int, pieces: Sequence[Piece[int, int]]) -> None:
        for each in pieces[1:] if fails.is_set() else pieces:
            each.done.set_result(each.work)
        if fails.is_set():
            raise ConnectionError(account_id)

    batches = Batches(carry_out, most=3)
    with pytest.raises(ConnectionError):
        batches.result(7, 1)
    fails.clear()
    assert batches.result(7, 2) == 2


def test_a_batch_has_its_limit_and_accounts_dont_wait_for_each_other() -> None:
    inside, free = threading.Semaphore(0), threading.Event()
    sizes: list[int] = []

    def carry_out(account_id: int, pieces: Sequence[Piece[int, int]]) -> None:
        if account_id == 1:
            sizes.append(len(pieces))
            inside.release()
            assert free.wait(30)
        for each in pieces:
            each.done.set_result(-each.work)

    batches = Batches(carry_out, most=3)
    with ThreadPoolExecutor(9) as pool:
        futures = [pool.submit(batches.result, 1, number) for number in range(9)]
        assert inside.acquire(timeout=30)
        assert batches.result(2, 5) == -5
        free.set()
        assert [each.result(30) for each in futures] == [-number for number in range(9)]
    assert sum(sizes) == 9
    assert max(sizes) <= 3
