"""The owner's view of tasks and files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from soundmill.model.formats import TargetFormat
from soundmill.model.options import ConversionOptions
from soundmill.model.tasks import FileFacts, TaskStatus, TaskView
from soundmill.model.waveform import Waveform
from soundmill.service.ports.storage import StoredFile


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A source that was stored, under the name that it is to have."""

    name: str
    stored: StoredFile


@dataclass(frozen=True, slots=True)
class Order:
    """One result that is wanted of a source, or of several that are joined."""

    target: TargetFormat
    options: ConversionOptions


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page of a list: at most ``size`` items beyond the cursor ``after`` (a task id), optionally of one status."""

    size: int
    descending: bool = False
    after: int | None = None
    status: TaskStatus | None = None


@dataclass(frozen=True, slots=True)
class Once:
    """A request that is to take effect once: the client's key, and the SHA-256 (hex) of what it asks for."""

    key: str
    fingerprint: str


class TaskStore(Protocol):
    """The owner's view of tasks. Each method is one transaction; another account's task raises ``NotFound``."""

    def submit(
        self,
        account_id: int,
        sources: Sequence[NamedFile],
        orders: tuple[Order, ...],
        once: Once | None = None,
    ) -> list[TaskView]:
        """Accept: the sources' rows and one due task an order, with unique names. All or nothing. Several sources are joined, in their order.

        When ``once`` was carried out before, those of its tasks that are still there are given again and nothing is added. Raises
        ``QueueFull`` when the queue is at its cap, ``KeyReused`` when the key came with another request before, ``NotFound`` when all
        of its tasks were deleted since.
        """
        ...

    def get(self, account_id: int, task_id: int, token_id: str = "") -> TaskView:
        """One task. Raises ``NotFound``, where ``token_id`` was revoked, too: who polls needn't be looked up by himself."""
        ...

    def page(self, account_id: int, request: PageRequest, token_id: str = "") -> list[TaskView]:
        """A page of tasks by id; costs the same however many there are. Nothing where ``token_id`` was revoked."""
        ...

    def restart(
        self, account_id: int, task_id: int, order: Order | None, once: Once | None = None
    ) -> tuple[TaskView, list[str]]:
        """Due again with a fresh attempt; a running one is fenced off.

        With an ``order`` (PUT) from any state; without (retry) only from failed or cancelled, else ``WrongState``. Also gives
        the storage keys that no row names any more. ``once`` as for :meth:`submit`. Joined sources stay joined: raises ``InvalidOptions``
        when the order doesn't fit them, ``WrongState`` when it would join a single one.
        """
        ...

    def cancel(self, account_id: int, task_id: int, once: Once | None = None) -> TaskView:
        """Final at once; a running attempt is fenced off. Raises ``WrongState`` when processed or failed. ``once`` as for :meth:`submit`."""
        ...

    def remove(self, account_id: int, task_id: int) -> list[str]:
        """Delete it, fencing off a running attempt; gives the storage keys that no row names any more."""
        ...


class FileIndex(Protocol):
    """Which stored bytes an account's file names mean."""

    def find(self, account_id: int, name: str) -> FileFacts:
        """The source or result of that name. Raises ``NotFound``, also while a result isn't there yet."""
        ...

    def unknown(self, keys: Sequence[str]) -> list[str]:
        """Those of the storage's ``keys`` that no row names."""
        ...


@dataclass(frozen=True, slots=True)
class FilesWaveforms:
    """Those of a task's source and result, as far as they are known."""

    source: Waveform | None
    result: Waveform | None


class WaveformIndex(Protocol):
    """What sounds look like."""

    def of_task(self, account_id: int, task_id: int) -> FilesWaveforms:
        """A result that isn't edited looks like its source; one that isn't there has none. Raises ``NotFound`` for the task."""
        ...


class OnceMemory(Protocol):
    """Remembers idempotency keys."""

    def knows(self, account_id: int, key: str) -> bool:
        """A request of the account's came with it, and was carried out."""
        ...

    def forget_keys(self, older_than: timedelta) -> None:
        """Drop those that came so long ago."""
        ...


class Watch(Protocol):
    """Sees tasks become final."""

    def final_among(self, task_ids: Collection[int]) -> set[int]:
        """Those of ``task_ids`` that are final or gone."""
        ...
