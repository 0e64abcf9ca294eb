"""How a task with its two files is read in one query."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any

from sqlalchemy import JSON, BigInteger, ColumnElement, Connection, FromClause, Select, Text, bindparam, cast, select
from sqlalchemy import type_coerce as taken_as

from soundmill.adapters.database.clock import Instant, from_milliseconds
from soundmill.adapters.database.joining import followers, is_joined
from soundmill.adapters.database.schema import files, tasks
from soundmill.model.names import named_format
from soundmill.model.tasks import FileFacts, SourceView, TaskStatus, TaskView

type Following = Callable[[Collection[int]], Mapping[int, Sequence[SourceView]]]
"""The sources that follow each of those with these ids."""
type _Row = tuple[Any, ...]

_TASK = (
    *("id", "source_id", "new_format", "options", "status", "progress", "tries", "error_code", "error_message"),
    *("not_carried", "created_at", "started_at", "finished_at"),
)
_FILE = ("name", "key", "size", "sha256", "sound")
_NAMES = (*_TASK, *(f"source_{name}" for name in _FILE), *(f"result_{name}" for name in _FILE))
_sources = files.alias("sources")
_results = files.alias("results")

_REMEMBERED = 2048
_LONGEST_REMEMBERED = 8 << 10
_long_texts = itemgetter(
    *map(_NAMES.index, ("options", "error_message", "not_carried", "source_sound", "result_sound"))
)


def select_views() -> Select[Any]:
    """Every task with its files, for :func:`views`; the caller adds the conditions."""
    return (
        select(*_plain(tasks, _TASK), *_plain(_sources, _FILE), *_plain(_results, _FILE))
        .join(_sources, _sources.c.id == tasks.c.source_id)
        .join(_results, _results.c.id == tasks.c.result_id)
    )


def _plain(table: FromClause, names: Iterable[str]) -> Iterator[ColumnElement[Any]]:
    """The columns as numbers and texts, which can be compared as they come."""
    for column in map(table.c.__getitem__, names):
        if isinstance(column.type, JSON):
            yield cast(column, Text)
        elif isinstance(column.type, Instant):
            yield taken_as(column, BigInteger)
        else:
            yield column


# Built once: building it costs more than running it.
_THESE = select_views().where(tasks.c.id.in_(bindparam("these", expanding=True))).order_by(tasks.c.id)


def views(rows: Iterable[Sequence[Any]], following: Following) -> list[TaskView]:
    """Rows of :func:`select_views`. What follows joined sources takes a second query, which only they cost."""
    plain = [tuple(row) for row in rows]
    seen = [_remembered(row) if _is_short(row) else _view(row) for row in plain]
    firsts = {task.id: row[1] for row, task in zip(plain, seen, strict=True) if is_joined(task.options)}
    if not firsts:
        return seen
    others = following(set(firsts.values()))
    return [_with_others(task, others[firsts[task.id]]) if task.id in firsts else task for task in seen]


def views_of(connection: Connection, task_ids: Sequence[int]) -> list[TaskView]:
    """Those that are there, by rising id."""
    return views(connection.execute(_THESE, {"these": task_ids}), partial(followers, connection))


def _with_others(task: TaskView, others: Sequence[SourceView]) -> TaskView:
    return replace(task, joined=(SourceView(task.source, task.source_sound), *others))


def _is_short(row: _Row) -> bool:
    # A source may have any number of tags.
    return sum(len(text) for text in _long_texts(row) if text) <= _LONGEST_REMEMBERED


def _view(row: _Row) -> TaskView:
    of = dict(zip(_NAMES, row, strict=True))
    source = FileFacts(of["source_name"], of["source_key"], of["source_size"], of["source_sha256"])
    result = None
    if of["status"] == TaskStatus.PROCESSED:
        result = FileFacts(of["result_name"], of["result_key"], of["result_size"], of["result_sha256"])
    return TaskView(
        id=of["id"],
        file_name=of["source_name"],
        source_format=named_format(of["source_name"]),
        new_format=of["new_format"],
        result_name=of["result_name"],
        status=TaskStatus(of["status"]),
        progress=of["progress"],
        options=json.loads(of["options"]),
        source=source,
        source_sound=_read(of["source_sound"]),
        result=result,
        result_sound=_read(of["result_sound"]) if result else None,
        not_carried=tuple(json.loads(of["not_carried"])),
        attempts=of["tries"],
        error_code=of["error_code"],
        error_message=of["error_message"],
        created_at=from_milliseconds(of["created_at"]),
        started_at=_moment(of["started_at"]),
        finished_at=_moment(of["finished_at"]),
    )


# Most rows of a page are as they were when it was asked for last. All that a view says is in its row, so it can't be out of date.
_remembered = lru_cache(_REMEMBERED)(_view)


def _read(text: str | None) -> dict[str, Any] | None:
    return None if text is None else dict(json.loads(text))


def _moment(since_1970: int | None) -> datetime | None:
    return None if since_1970 is None else from_milliseconds(since_1970)
