"""Sound is written to where an encoder in another process reads it, as pieces that overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from soundmill.engine.parallel.crew import Area


class Filled(NamedTuple):
    """A piece at the begin of ``area``. Its first frame has the number ``first`` in the whole; from the frame ``start`` on it is wanted."""

    area: Area
    first: int
    start: int
    size_bytes: int

    @property
    def pcm(self) -> memoryview:
        """Its samples, as long as nobody fills the area anew."""
        return memoryview(self.area.memory)[: self.size_bytes]


class Filling:
    """Pieces of ``piece_frames``, which begin ``pre_roll`` frames early and go on for ``overlap`` frames."""

    def __init__(
        self, next_area: Callable[[], Area], *, frame_bytes: int, piece_frames: int, pre_roll: int, overlap: int
    ) -> None:
        """``next_area`` gives memory for a whole piece. The one before is in use until then."""
        self._next_area, self._frame_bytes = next_area, frame_bytes
        self._piece_frames, self._pre_roll, self._overlap = piece_frames, pre_roll, overlap
        self._piece = Filled(next_area(), 0, 0, 0)

    @property
    def is_amid_a_frame(self) -> bool:
        """True where what follows doesn't begin a frame."""
        return self._piece.size_bytes % self._frame_bytes != 0

    def add(self, pcm: memoryview) -> Iterator[Filled]:
        """The samples that follow. Gives the pieces that are complete, but only when more is there: the last one is never empty."""
        at = 0
        while at < pcm.nbytes:
            room = self._wanted_bytes - self._piece.size_bytes
            if not room:
                yield self._turned()
                continue
            part = pcm[at : at + room]
            begin = self._piece.size_bytes
            self._piece.area.memory[begin : begin + part.nbytes] = part
            self._piece = self._piece._replace(size_bytes=begin + part.nbytes)
            at += part.nbytes

    def rest(self) -> Filled:
        """The last piece, whose last frame may be shorter."""
        return self._piece

    @property
    def _wanted_bytes(self) -> int:
        frames = self._piece.start + self._piece_frames + self._overlap - self._piece.first
        return frames * self._frame_bytes

    def _turned(self) -> Filled:
        """Begin the next piece with what both have. Gives the one that is complete."""
        done, area = self._piece, self._next_area()
        start = done.start + self._piece_frames
        first = max(done.first, start - self._pre_roll)
        both = done.pcm[(first - done.first) * self._frame_bytes :]
        area.memory[: both.nbytes] = both
        self._piece = Filled(area, first, start, both.nbytes)
        return done
