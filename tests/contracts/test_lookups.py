"""What every request reads, on both kinds of database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Dialect, bindparam, select, text
from sqlalchemy.exc import ProgrammingError

from soundmill.adapters.database import Database, DatabaseBoard, DatabaseTasks
from soundmill.adapters.database.lookup import Lookup
from soundmill.adapters.database.pages import page_query
from soundmill.adapters.database.schema import accounts
from soundmill.model.errors import Unreachable
from soundmill.model.tasks import RetryRule, TaskStatus
from soundmill.service.ports import PageRequest
from tests.builders import REPORT, account, stored_file, submitted

NAMED = Lookup(select(accounts.c.username).where(accounts.c.id == bindparam("asked")).limit(1))

END_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


@pytest.fixture
def beside(database: Database) -> Iterator[Database]:
    """Another process's way to the same database, over one connection."""
    made = Database(database.url, connections=1)
    yield made
    made.dispose()


def test_a_lookup_outlives_the_connections_that_it_had(database: Database, beside: Database) -> None:
    owner = account(database)
    seen = database.look(NAMED, {"asked": owner})
    if not database.is_sqlite:
        with beside.writing() as connection:
            connection.execute(END_OTHERS)
    assert database.look(NAMED, {"asked": owner}) == seen != []


def test_a_failed_lookup_leaves_nothing_open(database: Database, beside: Database) -> None:
    with pytest.raises((Unreachable, ProgrammingError)):
        beside.look(Lookup(select(text("nowhere.x")).select_from(text("nowhere"))), {})
    owner = account(database)
    assert beside.look(NAMED, {"asked": owner}) != []
    with beside.writing() as connection:
        connection.execute(text("UPDATE accounts SET used_bytes = 7"))
    assert database.look(Lookup(select(accounts.c.used_bytes)), {}) == [(7,)]


def test_each_change_of_a_task_by_another_process_is_seen_at_once(database: Database, beside: Database) -> None:
    owner = account(database)
    ours, theirs = (DatabaseTasks(each, queue_cap=9) for each in (database, beside))
    board = DatabaseBoard(beside, lease=timedelta(seconds=30), retries=RetryRule())
    task = submitted(theirs, owner)[0]

    def agree() -> str:
        seen = ours.get(owner, task.id)
        assert [seen] == ours.page(owner, PageRequest(9)) == theirs.page(owner, PageRequest(9))
        return seen.status

    assert agree() == "uploaded"
    assignment = board.claim("worker")
    assert assignment is not None
    assert agree() == "processing"
    board.progress(assignment.attempt, 0.25)
    assert agree() == "processing"
    assert ours.get(owner, task.id).progress == pytest.approx(0.25)
    board.processed(assignment.attempt, stored_file(), REPORT)
    assert agree() == "processed"
    with database.writing() as connection:  # as a repair by hand would
        connection.execute(text("UPDATE files SET sha256 = 'other' WHERE id = (SELECT source_id FROM tasks)"))
    assert ours.get(owner, task.id).source == replace(task.source, sha256="other")
    theirs.remove(owner, task.id)
    assert ours.page(owner, PageRequest(9)) == []


class Explained(Lookup):
    """How the database goes about it."""

    def compiled(self, dialect: Dialect) -> tuple[str, Mapping[str, Any]]:
        statement, constants = super().compiled(dialect)
        return f"EXPLAIN {statement}", constants


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("status", [None, TaskStatus.UPLOADED])
def test_a_plan_that_was_made_for_empty_tables_is_good_for_large_ones(
    database: Database, status: TaskStatus | None, *, descending: bool
) -> None:
    with database.writing() as connection:
        connection.execute(text("ANALYZE"))
    request = PageRequest(10, descending=descending, status=status)
    query, given = page_query(1, request, "token", is_sqlite=False)
    steps = "\n".join(row[0] for row in database.look(Explained(query.statement), given))
    assert re.findall(r"(?:Seq|Bitmap Heap) Scan on (?:tasks|files)|Sort|Hash Join|Merge Join", steps) == []
    assert "ix_tasks_account" in steps
