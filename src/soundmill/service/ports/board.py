"""Who works on what: the doorbell, and the worker's and the janitor's view of the task board."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from soundmill.model.conversion import Failure
from soundmill.model.sound import ConversionReport
from soundmill.model.tasks import Assignment, Attempt
from soundmill.service.ports.storage import StoredFile


class Doorbell(Protocol):
    """Says that there may be work. Losing a ring costs time, never work; ringing twice costs nothing."""

    def ring(self, task_ids: tuple[int, ...]) -> None:
        """Called after the commit. Never raises and never blocks for long."""
        ...

    def unheard(self) -> int | None:
        """How many rings nobody has taken yet. ``None`` when lost rings need no repetition, as workers look by themselves."""
        ...


@dataclass(frozen=True, slots=True)
class QueueState:
    """How much waits: ``oldest`` is how long the first of them has been due."""

    waiting: int
    running: int
    oldest: timedelta


class QueueGauge(Protocol):
    """How the queue stands."""

    def queue_state(self) -> QueueState:
        """Now."""
        ...


class Board(Protocol):
    """The worker's view of the task board. Every word after the claim carries its attempt (fencing).

    Each method is one transaction. A word of an attempt that is no longer the current one raises ``StaleAttempt``
    and changes nothing; repeating a word that took effect raises nothing and changes nothing.
    """

    def claim(self, owner: str, task_id: int | None = None) -> Assignment | None:
        """Take the next due task (or just ``task_id``) with a fresh lease, or ``None`` when nothing is due.

        What ``owner`` holds already is given again: a claim whose answer was lost may be repeated.
        A task that this version doesn't understand is put back for a newer one (:data:`soundmill.model.tasks.TOO_NEW`).
        """
        ...

    def progress(self, attempt: Attempt, fraction: float) -> None:
        """Note the progress (0 to 1) and renew the lease."""
        ...

    def processed(self, attempt: Attempt, result: StoredFile, report: ConversionReport) -> None:
        """The result is verified and published: make it the task's."""
        ...

    def failed(self, attempt: Attempt, failure: Failure) -> None:
        """The attempt ended without a result: the task is due again with back-off, or ``failed`` for good."""
        ...

    def release(self, attempt: Attempt) -> None:
        """Give the task back undone (a draining worker): due at once, the attempt doesn't count."""
        ...


class Upkeep(Protocol):
    """The janitor's view of the task board. Any number of janitors may run."""

    def expire_leases(self) -> int:
        """Make tasks with an expired lease due again, or ``failed`` after the last try. Gives how many."""
        ...

    def due(self, for_at_least: timedelta, at_most: int) -> int:
        """How many tasks wait though they have been due for so long; counts up to ``at_most``."""
        ...

    def is_live(self, attempt: Attempt) -> bool:
        """True while the attempt is the task's current one and running."""
        ...
