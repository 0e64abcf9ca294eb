"""The rows of uploads: files with names of their own, and tasks that wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from soundmill.adapters.database.clock import now
from soundmill.adapters.database.joining import add_sources
from soundmill.adapters.database.names import NewFile, add_files
from soundmill.adapters.database.once import remember, remembered
from soundmill.adapters.database.schema import tasks
from soundmill.model.names import joined, with_extension
from soundmill.model.tasks import TaskStatus
from soundmill.service.ports import NamedFile, Once, Order

FRESH: dict[str, Any] = {
    "status": TaskStatus.UPLOADED,
    "progress": 0.0,
    "tries": 0,
    "lease_owner": None,
    "lease_until": None,
    "error_code": None,
    "error_message": None,
    "not_carried": [],
    "started_at": None,
    "finished_at": None,
}
"""The columns of a task that nobody has begun to convert."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One upload: ``sources`` together are converted by each of ``orders``. ``traceparent`` is the trace of its request."""

    sources: Sequence[NamedFile]
    orders: tuple[Order, ...]
    once: Once | None
    traceparent: str | None

    @property
    def size_bytes(self) -> int:
        """Of all sources."""
        return sum(each.stored.size for each in self.sources)


class Adding:
    """The rows of what one transaction accepts of an account, whose row is locked: a few statements for all of it."""

    def __init__(self, connection: Connection, account_id: int) -> None:
        self._connection = connection
        self._account_id = account_id
        self._unwritten: list[tuple[Submission, list[int]]] = []
        self.size_bytes = 0
        """Of all that was accepted."""

    def before(self, once: Once) -> list[int] | None:
        """The tasks of an earlier request with this key. Raises ``KeyReused``."""
        if any(each.once and each.once.key == once.key for each, _ in self._unwritten):
            self.write()
        return remembered(self._connection, self._account_id, once)

    def accept(self, submission: Submission) -> list[int]:
        """Its tasks' ids, which are there after :meth:`write`."""
        ids: list[int] = []
        self._unwritten.append((submission, ids))
        self.size_bytes += submission.size_bytes
        return ids

    def write(self) -> None:
        """Adds what was accepted since the last time."""
        new, self._unwritten = self._unwritten, []
        if not new:
            return
        sources = add_sources(self._connection, self._account_id, [each.sources for each, _ in new])
        orders = [
            (each, source_id, order, result_name(source_name, order))
            for (each, _), (source_id, source_name) in zip(new, sources, strict=True)
            for order in each.orders
        ]
        results = add_files(self._connection, self._account_id, [NewFile(name) for *_, name in orders])
        rank = next_rank(self._connection, self._account_id)
        rows = [
            {
                **FRESH,
                "account_id": self._account_id,
                "source_id": source_id,
                "result_id": result_id,
                "new_format": order.target.name,
                "options": order.options.as_dict(),
                "attempt": 0,
                "rank": rank + place,
                "traceparent": submission.traceparent,
            }
            for place, ((submission, source_id, order, _), (result_id, _)) in enumerate(
                zip(orders, results, strict=True)
            )
        ]
        added = iter(self._connection.execute(_ADD_TASKS, rows).scalars())
        for submission, ids in new:
            ids += (int(next(added)) for _ in submission.orders)
            if submission.once:
                remember(self._connection, self._account_id, submission.once, ids)


def result_name(source_name: str, order: Order) -> str:
    """What a result of it shall be called."""
    called = joined(source_name) if order.options.join else source_name
    return with_extension(called, order.options.extension_for(order.target))


def next_rank(connection: Connection, account_id: int) -> int:
    """Start-time fair queueing (Goyal, Vin, Cheng 1996) with equal shares: an account's tasks stand one rank behind each
    other, and nobody starts behind the head of the queue. So a single task doesn't wait for another account's thousand.
    """
    head, own = connection.execute(_RANKS, {"of_account": account_id}).one()
    return max(head or 0, 0 if own is None else own + 1)


# Built once: every upload runs these, and building one costs more than running it.
_ADD_TASKS = insert(tasks).values(due_at=now(), created_at=now()).returning(tasks.c.id, sort_by_parameter_order=True)
_waiting = tasks.c.status == TaskStatus.UPLOADED
_RANKS = select(
    select(func.min(tasks.c.rank)).where(_waiting).scalar_subquery(),
    select(func.max(tasks.c.rank)).where(_waiting, tasks.c.account_id == bindparam("of_account")).scalar_subquery(),
)
