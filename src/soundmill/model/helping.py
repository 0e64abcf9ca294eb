"""Free workers that encode pieces of a conversion that runs elsewhere, as that conversion sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

LARGEST_PARCEL_BYTES = 64 << 20
"""What goes to a helper and back: a piece of sound is 26 MB at most, its packets are fewer."""


class Answer(NamedTuple):
    """What came back for the piece of that name: a file in the conversion's own directory."""

    piece: str
    path: Path


class News(NamedTuple):
    """``seats`` are all that somebody sits on now; one that is missing has left, and answers no more."""

    seats: Sequence[int] = ()
    answers: Sequence[Answer] = ()


class Helpers(Protocol):
    """Seats beside a conversion, each for one piece at a time. Nothing depends on them: what isn't answered is encoded by the conversion itself.

    No method waits for anybody, nor raises for trouble of theirs: then nobody helps.
    """

    def open(self) -> None:
        """There will be pieces for others. Said once."""
        ...

    def give(self, seat: int, piece: Path) -> None:
        """Let ``seat`` encode what this file in the conversion's directory says. It goes once the piece is done, by whomever."""
        ...

    def news(self) -> News:
        """What there is now; each answer once. To be asked several times a second."""
        ...

    def close(self) -> None:
        """There are no more pieces. May take some seconds."""
        ...
