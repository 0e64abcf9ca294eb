"""Pages of an Ogg file (RFC 3533): FFmpeg leaves out what is broken without a word, so they are checked here."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

from soundmill.engine.damage import Damage

_HEADER_BYTES = 27
_CAPTURE = b"OggS"
_CHECKSUM = slice(22, 26)
_BEGIN = 2
_NO_GRANULE = 0xFFFF_FFFF_FFFF_FFFF
_MOST_STREAMS = 10_000
# A byte's bits the other way round: Ogg's CRC takes the highest bit first, zlib's the lowest; else they are the same.
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(slots=True)
class _Logical:
    """One logical bitstream: its rate where it is sound that we know, and how far its good pages got."""

    rate: int
    next_page: int
    granule: int = 0


@dataclass(slots=True)
class _Walk:
    streams: dict[int, _Logical] = field(default_factory=dict)
    ended_seconds: float = 0.0
    is_chained: bool = False

    @property
    def seconds(self) -> float:
        return self.ended_seconds + max(
            (each.granule / each.rate for each in self.streams.values() if each.rate), default=0
        )


@dataclass(frozen=True, slots=True)
class Examined:
    """What is wrong with a file, if anything is, and whether it is several, one behind the other (RFC 3533, section 4)."""

    damage: Damage | None
    is_chained: bool


def examine(file: BinaryIO) -> Examined:
    """From where ``file`` stands to its end; or to the first place where a page is cut off, changed or missing.

    An end without an end-of-stream page is no damage: recordings of live streams are like that.
    """
    walk = _Walk()
    return Examined(_find_damage(file, walk), walk.is_chained)


def _find_damage(file: BinaryIO, walk: _Walk) -> Damage | None:
    while head := file.read(_HEADER_BYTES):
        at = file.tell() - len(head)
        if not head.startswith(_CAPTURE[: len(head)]):
            # Nothing of Ogg follows: a tag or padding that somebody appended.
            return Damage(walk.seconds, at, False, "no page there") if _has_page(head, file) else None
        table = file.read(head[26]) if len(head) == _HEADER_BYTES else b""
        body = file.read(sum(table))
        if len(head) < _HEADER_BYTES or len(table) < head[26] or len(body) < sum(table):
            return Damage(walk.seconds, at, True, "the page there is cut off")
        if _checksum(head, table, body) != int.from_bytes(head[_CHECKSUM], "little"):
            return Damage(walk.seconds, at, False, "the page there was changed")
        if not _follows(walk, head, body):
            return Damage(walk.seconds, at, False, "before the page there another is missing")
    return None


def _has_page(head: bytes, file: BinaryIO) -> bool:
    rest = head
    while block := file.read(1 << 16):
        if _CAPTURE in rest + block:
            return True
        rest = block[-3:]
    return False


def _checksum(head: bytes, table: bytes, body: bytes) -> int:
    mirrored = (head[:22] + bytes(4) + head[26:] + table + body).translate(_MIRRORED)
    return int(f"{zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF:032b}"[::-1], 2)


def _follows(walk: _Walk, head: bytes, body: bytes) -> bool:
    """Take note of a page; False when one of the same stream is missing before it."""
    granule, serial, number = (int.from_bytes(head[a:b], "little") for a, b in ((6, 14), (14, 18), (18, 22)))
    if head[5] & _BEGIN:
        _begin(walk, serial, number, _rate(body))
        return True
    stream = walk.streams.get(serial)
    if stream is None or number != stream.next_page:
        return False
    stream.next_page = number + 1
    if granule != _NO_GRANULE:
        stream.granule = granule
    return True


def _begin(walk: _Walk, serial: int, number: int, rate: int) -> None:
    if serial in walk.streams or any(each.granule for each in walk.streams.values()):
        # A chained file: the next piece begins where the last one ended.
        walk.ended_seconds = walk.seconds
        walk.is_chained = True
        walk.streams.clear()
    if len(walk.streams) < _MOST_STREAMS:
        walk.streams[serial] = _Logical(rate, number + 1)


def _rate(first_packet: bytes) -> int:
    """What granules count in, per second; 0 where the stream isn't sound that we know."""
    if first_packet.startswith(b"\x01vorbis"):
        return int.from_bytes(first_packet[12:16], "little")
    if first_packet.startswith(b"OpusHead"):
        return 48_000
    if first_packet.startswith(b"\x7fFLAC"):
        return int.from_bytes(first_packet[27:30]) >> 4
    if first_packet.startswith(b"Speex   "):
        return int.from_bytes(first_packet[36:40], "little")
    return 0
