"""AVI's index tells of every chunk of sound: FFmpeg leaves out those whose heads are broken, and says nothing."""

from __future__ import annotations

from av.audio.stream import AudioStream
from av.packet import Packet

from soundmill.engine.reading.source import Source

_CHUNK_HEAD_BYTES = 8  # a name and a size, behind the place that the index tells of


class IndexedSound:
    """Is told of each packet in its turn, and knows at the end what of the index was left out."""

    def __init__(self, source: Source) -> None:
        self._entries = source.stream.index_entries
        # FFmpeg makes entries of its own while it reads where a file has no index.
        self._count = len(self._entries)
        self._left_bytes = sum(each.size for each in self._entries)
        self._current, self._is_met = 0, False
        self._first_left_out: int | None = None

    @classmethod
    def of(cls, source: Source) -> IndexedSound | None:
        """Nothing for files that have no such index."""
        return cls(source) if source.kind == "avi" and len(source.stream.index_entries) else None

    def add(self, packet: Packet[AudioStream]) -> None:
        """The next one that was read."""
        self._left_bytes -= packet.size
        if packet.pos is None:
            return
        while self._current < self._count and packet.pos >= self._end_of(self._current):
            self._pass_on()
        self._is_met = True

    def left_out_at(self, seconds: float) -> float | None:
        """About where in so many ``seconds`` the first sound belongs that wasn't read, once all is read; nothing where all of it was."""
        if self._left_bytes <= 0:
            return None
        while self._current < self._count and self._first_left_out is None:
            self._pass_on()
        return seconds * (self._first_left_out or 0) / self._count

    def _pass_on(self) -> None:
        # A frame may reach over a small chunk, of which none begins in it: only the bytes of all of them tell that some are missing.
        if not self._is_met and self._first_left_out is None:
            self._first_left_out = self._current
        self._current, self._is_met = self._current + 1, False

    def _end_of(self, number: int) -> int:
        entry = self._entries[number]
        return int(entry.pos + _CHUNK_HEAD_BYTES + entry.size)
