"""What happens to tasks, for those who look on; and what an account takes and keeps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from soundmill.model.tasks import TaskStatus


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """A task became final. ``id`` grows from event to event of an account, and names this one for ever."""

    id: int
    account_id: int
    task_id: int
    status: TaskStatus


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """A task is being converted; ``progress`` from 0 to 1."""

    account_id: int
    task_id: int
    progress: float


class EventLog(Protocol):
    """One event for each task that became final, kept in the transaction that made it so; and what is under way."""

    def newest(self, account_id: int) -> int:
        """The id of the account's last event; 0 when there is none."""
        ...

    def after(self, positions: Mapping[int, int], at_most: int) -> list[TaskEvent]:
        """The first ``at_most`` events of each account past its position (account id to event id), by rising id.

        Whoever has seen an event of an account has seen all before it.
        """
        ...

    def running(self, account_ids: Collection[int]) -> list[TaskProgress]:
        """What is being converted for these accounts now."""
        ...

    def forget_events(self, older_than: timedelta) -> None:
        """Drop those that happened so long ago."""
        ...


class Expiry(Protocol):
    """Removes what has been finished for long. Any number may do it at once."""

    def expire(self, older_than: timedelta) -> list[str] | None:
        """Delete one task that became final so long ago; gives the storage keys that no row names any more.

        ``None`` when there is no such task.
        """
        ...


class UsageLedger(Protocol):
    """How many bytes each account's files take."""

    def recount(self) -> int:
        """Make each account's figure the sum of its files again; gives how many were wrong.

        They are while a version that doesn't keep them runs beside one that does.
        """
        ...
