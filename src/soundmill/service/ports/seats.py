"""Who helps with whose long conversion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from soundmill.model.tasks import Attempt


@dataclass(frozen=True, slots=True)
class Seat:
    """A free worker's place beside a conversion. ``work`` and ``answer`` are keys in the storage: of a piece, and of what became of it."""

    id: int
    work: str | None = None
    answer: str | None = None


class Seats(Protocol):
    """Long conversions that hand out pieces, and the free workers that encode these. Each method is one transaction.

    All of it may be lost at any time, and costs nothing but time: who cut a piece encodes it himself then. ``build`` names the
    versions of all that encodes: only the very same may put a sound together.
    """

    def open(self, attempt: Attempt, build: str) -> None:
        """This conversion will have pieces for others; it may be said again while too few have come. Raises ``StaleAttempt``."""
        ...

    def taken(self, attempt: Attempt) -> Sequence[Seat]:
        """The seats of those who were heard of lately."""
        ...

    def give(self, attempt: Attempt, seat: int, work: str) -> None:
        """A piece for ``seat``, which has none or has answered. Raises ``StaleAttempt`` where nobody sits there any more."""
        ...

    def close(self, attempt: Attempt) -> Sequence[Seat]:
        """There are no more pieces: whoever sits there may go. Gives all seats, as they were."""
        ...

    def take(self, helper: str, build: str) -> bool:
        """Sit down beside the running conversion that has the fewest helpers. False where none needs any, or where tasks wait: these come first."""
        ...

    def next_work(self, helper: str) -> Seat | None:
        """What ``helper`` was given longest ago and hasn't answered. To be asked every few seconds at least, else it is taken for lost.

        Raises ``StaleAttempt`` where it should go: the conversion is over, or tasks wait.
        """
        ...

    def answer(self, helper: str, work: Seat, answer: str) -> None:
        """What became of ``work``. Raises ``StaleAttempt`` where nobody wants it any more."""
        ...

    def leave(self, helper: str) -> None:
        """Get up."""
        ...


class SeatUpkeep(Protocol):
    """The janitor's view of them."""

    def forget_seats(self) -> None:
        """Forget those of conversions that are over."""
        ...
