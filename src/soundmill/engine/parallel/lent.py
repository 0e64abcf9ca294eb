"""Pieces that free workers of other machines encode, seen from the conversion that cut them.

Nothing depends on those workers. A piece stays here until its packets are; one that isn't answered is encoded by the crew, as soon as
that has nothing else to do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundmill.engine.parallel.parcels import read_parcel, write_parcel
from soundmill.engine.processes.forked import Say
from soundmill.engine.processes.messages import Message
from soundmill.model.conversion import ConversionError, FailureCode

MOST_SEATS = 16
"""Each has a piece of sound in memory or on disk; more than a decoder can feed have nothing to do."""

_READ_BYTES = 1 << 16
# The result needs some, too.
_ROOM_BYTES = 1 << 30


@dataclass(slots=True)
class _Piece:
    path: Path
    is_done_here: bool = False
    """Or being done: the crew has it, too."""


class Lent:
    """What is lent to whom. It hears of seats and answers from a pipe, and says by ``say`` what there is for them."""

    def __init__(self, directory: Path, news: int, say: Say) -> None:
        """``directory`` is the conversion's own. ``news`` is read without waiting: lines of ``{"seats": […], "answers": [[piece, name], …]}``."""
        self._directory, self._news, self._say = directory, news, say
        os.set_blocking(news, False)
        self._rest = b""
        self._order: Message | None = None
        self._is_open = False
        self._seats: dict[int, int | None] = {}
        self._pieces: dict[int, _Piece] = {}
        self._count = 0

    @property
    def seats(self) -> int:
        """How many are taken."""
        return len(self._seats)

    @property
    def descriptor(self) -> int | None:
        """Readable when there are news; nothing while none are expected."""
        return self._news if self._is_open else None

    def call(self) -> None:
        """Let others come."""
        if not self._is_open:
            self._is_open = True
            self._say({"help": "open"})

    def open(self, order: Message) -> None:
        """From now on there are pieces, for those who were told ``order``."""
        self._order = order
        self.call()

    def close(self) -> None:
        """There are none any more; what is still out is forgotten."""
        if not self._is_open:
            return
        self._is_open, self._order = False, None
        self._seats.clear()
        for number in list(self._pieces):
            self.settle(number)
        self._say({"help": "close"})

    def take(self, work: Message) -> bool:
        """Lend this piece. False where no seat is idle."""
        seat = next((seat for seat, number in self._seats.items() if number is None), None)
        if self._order is None or seat is None or not self._has_room():
            return False
        self._count += 1
        path = self._path(self._count)
        try:
            with path.open("xb") as file:
                write_parcel(file, (self._order, work))
        except OSError:
            # A full disk, most likely. The crew needs none for it.
            _remove(path)
            self._seats.clear()
            return False
        self._seats[seat] = self._count
        self._pieces[self._count] = _Piece(path)
        self._say({"help": "piece", "seat": seat, "file": path.name})
        return True

    def left_over(self) -> tuple[int, Message] | None:
        """The oldest piece that is out and that nobody here encodes, with its number. From now on somebody does.

        Raises ``ConversionError`` with ``STORAGE`` where it can't be read again.
        """
        for number, piece in self._pieces.items():
            if not piece.is_done_here:
                piece.is_done_here = True
                return number, self._work_of(piece)
        return None

    def settle(self, number: int) -> bool:
        """A piece is done. False where it was already."""
        piece = self._pieces.pop(number, None)
        if piece is not None:
            _remove(piece.path)
        return piece is not None

    @property
    def is_out(self) -> bool:
        """True while pieces wait for an answer."""
        return bool(self._pieces)

    def heard(self) -> Iterator[Message]:
        """Answers that came in, none for a piece that was done already."""
        for news in self._lines():
            seats, answers = news["seats"], news["answers"]
            for piece, name in answers:
                yield from self._answered(piece, self._directory / name)
            self._seats = {seat: self._seats.get(seat) for seat in seats[:MOST_SEATS]}

    def _answered(self, piece: str, path: Path) -> Iterator[Message]:
        # Its seat may have left since and come back, and the crew may have done it by now.
        known = {*self._pieces, *(at for at in self._seats.values() if at is not None)}
        number = next((each for each in known if self._path(each).name == piece), None)
        try:
            (result,) = _read(path)
        except (OSError, ValueError) as error:
            # Its piece stays out, and is done here; its seat gets no other.
            os.write(2, f"an answer is no use: {error}\n".encode())
            return
        finally:
            _remove(path)
        if number is not None:
            self._seats = {seat: None if at == number else at for seat, at in self._seats.items()}
            if self.settle(number):
                yield result

    def _path(self, number: int) -> Path:
        return self._directory / f"piece-{number}"

    def _has_room(self) -> bool:
        room = os.statvfs(self._directory)
        return room.f_bavail * room.f_frsize >= _ROOM_BYTES

    def _work_of(self, piece: _Piece) -> Message:
        try:
            _, work = _read(piece.path)
        except (OSError, ValueError) as error:
            sentence = "The storage lost a piece of the conversion."
            raise ConversionError(FailureCode.STORAGE, sentence, retryable=True, detail_for_log=str(error)) from error
        return work

    def _lines(self) -> Iterator[dict[str, Any]]:
        with suppress(BlockingIOError):
            while self._is_open:
                data = os.read(self._news, _READ_BYTES)
                if not data:
                    self.close()
                *lines, self._rest = (self._rest + data).split(b"\n")
                yield from map(json.loads, lines)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _read(path: Path) -> list[Message]:
    with path.open("rb") as file:
        return read_parcel(file)
