"""How a task with its two files is read in one query."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, select

from soundmill.adapters.database.schema import files, tasks
from soundmill.model.names import named_format
from soundmill.model.tasks import FileFacts, TaskStatus, TaskView

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


_SKIPPED = frozenset({"id", "account_id", "created_at"})


def view(row: Row[Any]) -> TaskView:
    """One row of :func:`select_views`."""
    source = FileFacts(row.source_name, row.source_key, row.source_size, row.source_sha256)
    result = None
    if row.status == TaskStatus.PROCESSED:
        result = FileFacts(row.result_name, row.result_key, row.result_size, row.result_sha256)
    return TaskView(
        id=row.id,
        file_name=row.source_name,
        source_format=named_format(row.source_name),
        new_format=row.new_format,
        result_name=row.result_name,
        status=TaskStatus(row.status),
        progress=row.progress,
        options=row.options,
        source=source,
        source_sound=row.source_sound,
        result=result,
        result_sound=row.result_sound if result else None,
        not_carried=tuple(row.not_carried),
        attempts=row.tries,
        error_code=row.error_code,
        error_message=row.error_message,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
