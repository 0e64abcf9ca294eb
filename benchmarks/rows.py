"""Tasks by the million, made inside the database: what a service of some years has, in seconds."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, String, Table, bindparam, cast, func, insert, literal, select
from sqlalchemy import text as sql

from soundmill.adapters.database import Database
from soundmill.adapters.database.schema import files, tasks
from soundmill.model.tasks import TaskStatus

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def fill(database: Database, first_account: int, count: int, status: TaskStatus, *, accounts: int = 1) -> None:
    """Add ``count`` tasks with their files, in turns to ``accounts`` whose ids follow each other; processed ones have a result."""
    if count < 1:
        return
    numbers = _numbers(count)
    account = first_account + numbers.c.n % accounts
    tag = secrets.token_hex(8)
    with database.writing() as connection:
        if not database.is_sqlite:
            # Three foreign keys a row would be looked up, which takes longer than all else.
            connection.execute(sql("SET LOCAL session_replication_role = replica"))
        first_file = 1 + connection.execute(select(func.coalesce(func.max(files.c.id), 0))).scalar_one()
        source, result = first_file + 2 * numbers.c.n, first_file + 2 * numbers.c.n + 1
        has_result = status is TaskStatus.PROCESSED
        for file, kind, is_there in ((source, "source", True), (result, "result", has_result)):
            _insert(connection, files, numbers, _file(file, account, f"{kind}-{tag}-", numbers, is_there=is_there))
        _insert(connection, tasks, numbers, _task(account, source, result, numbers.c.n // accounts, status))
        if not database.is_sqlite:
            connection.execute(sql("SELECT setval(pg_get_serial_sequence('files', 'id'), (SELECT max(id) FROM files))"))
    with database.writing() as connection:
        connection.execute(sql("ANALYZE"))


def _numbers(count: int) -> CTE:
    """From 0, below ``count``: both databases can do this."""
    begun = select(literal(0).label("n")).cte("numbers", recursive=True)
    return begun.union_all(select(begun.c.n + 1).where(begun.c.n < count - 1))


def _insert(connection: Connection, table: Table, numbers: CTE, values: dict[str, ColumnElement[Any] | Any]) -> None:
    columns = [
        (value if isinstance(value, ColumnElement) else bindparam(None, value, type_=table.c[name].type)).label(name)
        for name, value in values.items()
    ]
    connection.execute(insert(table).from_select(list(values), select(*columns).select_from(numbers)))


def _file(number: Any, account: Any, prefix: str, numbers: CTE, *, is_there: bool) -> dict[str, Any]:
    name = literal(prefix) + cast(numbers.c.n, String)
    there = {"key": name, "size": 1, "sha256": "0" * 64} if is_there else {}
    return {"id": number, "account_id": account, "name": name, "created_at": _EPOCH, **there}


def _task(account: Any, source: Any, result: Any, rank: Any, status: TaskStatus) -> dict[str, Any]:
    ended = {"finished_at": _EPOCH} if status.is_final else {}
    return {
        "account_id": account,
        "source_id": source,
        "result_id": result,
        "new_format": "mp3",
        "options": {},
        "status": status,
        "progress": 1.0 if status is TaskStatus.PROCESSED else 0.0,
        "attempt": 0,
        "tries": 0,
        "rank": rank,
        "due_at": _EPOCH,
        "not_carried": [],
        "created_at": _EPOCH,
        **ended,
    }
