"""Free workers that encode pieces of a conversion that runs elsewhere, as that conversion sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol


class Answer(NamedTuple):
    """What came back for the piece that ``seat`` was given: a file in the conversion's own directory."""

    seat: int
    path: Path


class News(NamedTuple):
    """``seats`` are all that somebody sits on now; one that is missing has left, and answers no more."""

    seats: Sequence[int] = ()
    answers: Sequence[Answer] = ()


class Helpers(Protocol):
    """Seats beside a conversion, each for one piece at a time. Nothing depends on them: what isn't answered is encoded by the conversion itself.

    No method raises for trouble of theirs: then nobody helps.
    """

    def open(self) -> None:
        """There will be pieces for others."""
        ...

    def give(self, seat: int, piece: Path) -> None:
        """Let ``seat`` encode what this file says, which is in the conversion's directory and may go afterwards."""
        ...

    def news(self) -> News:
        """What there is now; each answer once. To be asked several times a second."""
        ...

    def close(self) -> None:
        """There are no more pieces."""
        ...
