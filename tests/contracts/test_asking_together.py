"""Those who ask the same at once get one answer, and none that is older than their question."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from soundmill.adapters.database import Database, DatabaseTasks
from soundmill.adapters.database.shared import Shared
from soundmill.model.tasks import TaskView
from soundmill.service.ports import PageRequest
from tests.builders import account, stored_file
from tests.contracts.test_submitting_together import sending

_ASKERS = 6


class Question:
    """One that tells when it was asked. Whoever is answered next must wait for that."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)

    def __hash__(self) -> int:
        self.asked.release()
        return 7

    def was_asked(self, times: int) -> None:
        for _ in range(times):
            assert self.asked.acquire(timeout=30)


class Held:
    """Answers that are numbers, given as soon as they are set free."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.free = threading.Event()
        self.numbers = count(1)

    def ask(self) -> int:
        number = next(self.numbers)
        self.begun.release()
        assert self.free.wait(30)
        return number


def all_behind_one(pool: ThreadPoolExecutor, shared: Shared[int], held: Held) -> tuple[Future[int], list[Future[int]]]:
    """One is being answered, and the others asked meanwhile."""
    question = Question()
    first = pool.submit(shared.answer, question, held.ask)
    assert held.begun.acquire(timeout=30)
    others = [pool.submit(shared.answer, question, held.ask) for _ in range(_ASKERS)]
    question.was_asked(1 + _ASKERS)
    return first, others


def test_those_who_come_while_one_is_answered_share_the_next_answer() -> None:
    shared, held = Shared[int](), Held()
    with ThreadPoolExecutor(1 + _ASKERS) as pool:
        first, others = all_behind_one(pool, shared, held)
        held.free.set()
        assert first.result() == 1
        assert [each.result() for each in others] == [2] * _ASKERS
        assert shared.answer("afterwards", held.ask) == 3


def test_an_error_is_that_of_all_who_waited_for_it_and_of_nobody_else() -> None:
    shared, held = Shared[int](), Held()

    def fail() -> int:
        raise ConnectionError(held.ask())

    with ThreadPoolExecutor(1 + _ASKERS) as pool:
        question = Question()
        first = pool.submit(shared.answer, question, held.ask)
        assert held.begun.acquire(timeout=30)
        others = [pool.submit(shared.answer, question, fail) for _ in range(_ASKERS)]
        question.was_asked(1 + _ASKERS)
        held.free.set()
        assert first.result() == 1
        assert {str(each.exception()) for each in others} == {"2"}
        assert {type(each.exception()) for each in others} == {ConnectionError}
        assert shared.answer(question, held.ask) == 3


def test_other_questions_dont_wait() -> None:
    shared, held = Shared[int](), Held()
    with ThreadPoolExecutor(1 + _ASKERS) as pool:
        first, others = all_behind_one(pool, shared, held)
        assert shared.answer("another", lambda: 42) == 42
        assert not first.done()
        held.free.set()
        assert max(each.result() for each in (first, *others)) == 2


def test_nobody_gets_an_answer_from_before_the_question() -> None:
    shared: Shared[int] = Shared()
    changing = threading.Lock()
    changes = 0

    def change_and_ask(_: int) -> bool:
        nonlocal changes
        with changing:
            changes += 1
            mine = changes
        return shared.answer("how many", lambda: changes) >= mine

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(change_and_ask, range(4000)))


def test_who_submitted_finds_it_however_many_ask(database: Database) -> None:
    tasks, owner = DatabaseTasks(database, queue_cap=1000), account(database)

    def submit_and_look(_: int) -> bool:
        mine = sending(tasks, owner, stored_file())()
        found = tasks.page(owner, PageRequest(1000, descending=True))
        return {task.id for task in mine} <= {task.id for task in found}

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(submit_and_look, range(48)))


def test_many_that_ask_at_once_need_few_queries_and_get_pages_of_their_own(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks, owner = DatabaseTasks(database, queue_cap=100), account(database)
    sending(tasks, owner, stored_file())()
    held, asking = Held(), threading.Semaphore(0)
    look = Database.look

    def held_look(self: Database, *given: Any) -> Any:
        held.ask()
        return look(self, *given)

    def ask(_: int) -> list[TaskView]:
        asking.release()
        return tasks.page(owner, PageRequest(10))

    monkeypatch.setattr(Database, "look", held_look)
    with ThreadPoolExecutor(12) as pool:
        pages = pool.map(ask, range(12))
        for _ in range(12):
            assert asking.acquire(timeout=30)
        held.free.set()
        found = list(pages)
    assert found[0]
    assert all(each == found[0] for each in found)
    assert len({id(each) for each in found}) == 12
    assert next(held.numbers) - 1 < 12
