"""How a task with its two files is read in one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select

from soundmill.adapters.database.joining import followers, is_joined
from soundmill.adapters.database.schema import files, tasks
from soundmill.model.names import named_format
from soundmill.model.tasks import FileFacts, SourceView, TaskStatus, TaskView

_sources = files.alias("sources")
_results = files.alias("results")


def select_views() -> Select[Any]:
    """Every task with its files; the caller adds the conditions."""
    return (
        select(
            tasks,
            *(column.label(f"source_{column.name}") for column in _sources.c if column.name not in _SKIPPED),
            *(column.label(f"result_{column.name}") for column in _results.c if column.name not in _SKIPPED),
        )
        .join(_sources, _sources.c.id == tasks.c.source_id)
        .join(_results, _results.c.id == tasks.c.result_id)
    )


_SKIPPED = frozenset({"id", "account_id", "created_at", "waveform", "joined_to", "given_name"})
# Built once: building it costs more than running it.
_THESE = select_views().where(tasks.c.id.in_(bindparam("these", expanding=True))).order_by(tasks.c.id)
_NAMES = tuple(select_views().selected_columns.keys())


def views(connection: Connection, rows: Sequence[Row[Any]]) -> list[TaskView]:
    """Rows of :func:`select_views`. What follows joined sources takes a second query, which only they cost."""
    seen = [_view(row) for row in rows]
    firsts = {task.id: row.source_id for row, task in zip(rows, seen, strict=True) if is_joined(task.options)}
    if not firsts:
        return seen
    following = followers(connection, set(firsts.values()))
    return [_with_followers(task, following[firsts[task.id]]) if task.id in firsts else task for task in seen]


def views_of(connection: Connection, task_ids: Sequence[int]) -> list[TaskView]:
    """Those that are there, by rising id."""
    return views(connection, connection.execute(_THESE, {"these": task_ids}).all())


def _with_followers(task: TaskView, following: Sequence[SourceView]) -> TaskView:
    return replace(task, joined=(SourceView(task.source, task.source_sound), *following))


def _view(row: Row[Any]) -> TaskView:
    of = dict(zip(_NAMES, row, strict=True))  # asking the row itself for each name costs ten times as much
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
        options=of["options"],
        source=source,
        source_sound=of["source_sound"],
        result=result,
        result_sound=of["result_sound"] if result else None,
        not_carried=tuple(of["not_carried"]),
        attempts=of["tries"],
        error_code=of["error_code"],
        error_message=of["error_message"],
        created_at=of["created_at"],
        started_at=of["started_at"],
        finished_at=of["finished_at"],
    )
