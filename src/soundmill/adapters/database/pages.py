"""How one page of an account's tasks is found, whatever number of tasks there are."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, tuple_

from soundmill.adapters.database.lookup import IS_NOT_REVOKED, Lookup
from soundmill.adapters.database.schema import tasks
from soundmill.adapters.database.views import select_views
from soundmill.service.ports import PageRequest

_LARGEST_ID = (1 << 63) - 1


def page_query(
    account_id: int, request: PageRequest, token_id: str, *, is_sqlite: bool
) -> tuple[Lookup, dict[str, Any]]:
    """The query and its parameters. Keyset paging: the index finds the cursor, no row before it is read."""
    query = _query(
        by_status=request.status is not None,
        descending=request.descending,
        is_sqlite=is_sqlite,
    )
    end = request.after if request.after is not None else (_LARGEST_ID if request.descending else 0)
    given = {
        "of_account": account_id,
        "of_status": request.status,
        "end": end,
        "size": request.size,
        "token": token_id,
    }
    return query, given


@cache
def _query(*, by_status: bool, descending: bool, is_sqlite: bool) -> Lookup:
    same: dict[ColumnElement[Any], ColumnElement[Any]] = {tasks.c.account_id: _given("of_account", tasks.c.account_id)}
    if by_status:
        same[tasks.c.status] = _given("of_status", tasks.c.status)
    columns = [*same, tasks.c.id]
    order = [column.desc() for column in columns] if descending else columns
    bounds = _bounds(same, descending=descending, is_sqlite=is_sqlite)
    return Lookup(select_views().where(*bounds, IS_NOT_REVOKED).order_by(*order).limit(bindparam("size")))


def _bounds(
    same: dict[ColumnElement[Any], ColumnElement[Any]], *, descending: bool, is_sqlite: bool
) -> tuple[ColumnElement[bool], ...]:
    """What bounds a page, so that the index over its columns finds its first row.

    With an equality PostgreSQL may walk the primary key instead, past all other accounts' tasks; with ranges over rows SQLite uses
    only their first column.
    """
    end = _given("end", tasks.c.id)
    if is_sqlite:
        beyond = tasks.c.id < end if descending else tasks.c.id > end
        return (*(column == value for column, value in same.items()), beyond)
    inside, last = tuple_(*same, tasks.c.id), tuple_(*same.values(), end)
    bound, mine = tuple_(*same), tuple_(*same.values())
    return (inside < last, bound >= mine) if descending else (inside > last, bound <= mine)


def _given(name: str, column: ColumnElement[Any]) -> ColumnElement[Any]:
    return bindparam(name, type_=column.type)
