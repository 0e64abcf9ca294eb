"""Pages of an Ogg file (RFC 3533): FFmpeg leaves out what is broken without a word, so they are checked here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from zlib_ng.zlib_ng import crc32

from soundmill.engine.codecs.vorbis_ends import Mark, Marks
from soundmill.engine.damage import Damage

_HEADER_BYTES = 27
_LARGEST_PAGE_BYTES = _HEADER_BYTES + 255 + 255 * 255
_CAPTURE = b"OggS"
_CUT_OFF = "the page there is cut off"
_MISSING = "before the page there another is missing"
_CHECKSUM = slice(22, 26)
_BEGIN, _END = 2, 4
_VORBIS = b"\x01vorbis"
_VORBIS_HEADERS = 3
_NO_GRANULE = 0xFFFF_FFFF_FFFF_FFFF
_MOST_STREAMS = 10_000
_MOST_FAULTS = 10_000
# A byte's bits the other way round: Ogg's CRC takes the highest bit first, zlib's the lowest; else they are the same.
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(slots=True)
class _Logical:
    """One logical bitstream: its rate where it is sound that we know, and how far its good pages got."""

    rate: int
    next_page: int
    granule: int = 0
    packets: int = 1 - _VORBIS_HEADERS  # the first has the page of the begin
    marks: Marks | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One of the files that stand one behind the other (RFC 3533, section 4).

    It begins with the byte ``begin``; ``marks`` are those of its streams, in their order, where these are Vorbis.
    """

    begin: int
    marks: list[Marks | None]


@dataclass(slots=True)
class _Walk:
    streams: dict[int, _Logical] = field(default_factory=dict)
    ended_seconds: float = 0.0
    links: list[Link] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.ended_seconds + max(
            (each.granule / each.rate for each in self.streams.values() if each.rate), default=0
        )


@dataclass(frozen=True, slots=True)
class Examined:
    """What is wrong with a file, if anything is; the links that it is made of, and how many seconds they tell of."""

    damage: Damage | None
    links: Sequence[Link] = ()
    seconds: float = 0.0


def examine(file: BinaryIO) -> Examined:
    """From where ``file`` stands to its end, with the first place where a page is cut off, changed or missing.

    An end without an end-of-stream page is no damage: recordings of live streams are like that.
    """
    walk = _Walk()
    damage = _find_damage(file, walk)
    return Examined(damage, walk.links, walk.seconds)


def is_ended(file: BinaryIO) -> bool:
    """Whether its last page is whole and says that it is the last."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LARGEST_PAGE_BYTES))
    tail = file.read()
    page = tail[tail.rfind(_CAPTURE) :]
    if len(page) < _HEADER_BYTES or not page.startswith(_CAPTURE):
        return False
    table = page[_HEADER_BYTES : _HEADER_BYTES + page[_HEADER_BYTES - 1]]
    return bool(page[5] & _END) and len(page) == _HEADER_BYTES + page[_HEADER_BYTES - 1] + sum(table)


def _find_damage(file: BinaryIO, walk: _Walk) -> Damage | None:
    """The first; the links behind it are noted, too."""
    damage: Damage | None = None
    at, faults = file.tell(), 0
    while head := file.read(_HEADER_BYTES):
        table = file.read(head[26]) if len(head) == _HEADER_BYTES else b""
        body = file.read(sum(table))
        following: int | None = at + len(head) + len(table) + len(body)
        if wrong := _fault(head, table, body):
            following = _next_page(file, at + 1)
        elif not _follows(walk, at, head, table, body):
            wrong = _MISSING
        if wrong:
            # Where nothing of Ogg follows, it is a tag or padding that somebody appended.
            if damage is None and (following is not None or head.startswith(_CAPTURE[: len(head)])):
                damage = Damage(walk.seconds, at, wrong == _CUT_OFF and following is None, wrong)
            if wrong == _MISSING:
                _go_on(walk, head)
            faults += 1
        if following is None or faults > _MOST_FAULTS:
            break
        at = file.seek(following)
    return damage


def _fault(head: bytes, table: bytes, body: bytes) -> str:
    """What is wrong with a page by itself."""
    if not head.startswith(_CAPTURE[: len(head)]):
        return "no page there"
    if len(head) < _HEADER_BYTES or len(table) < head[26] or len(body) < sum(table):
        return _CUT_OFF
    is_changed = _checksum(head, table, body) != int.from_bytes(head[_CHECKSUM], "little")
    return "the page there was changed" if is_changed else ""


def _next_page(file: BinaryIO, at: int) -> int | None:
    """Where the next begins, from the byte ``at`` on."""
    file.seek(at)
    rest = b""
    while block := file.read(1 << 16):
        found = (rest + block).find(_CAPTURE)
        if found >= 0:
            return at - len(rest) + found
        at += len(block)
        rest = (rest + block)[-len(_CAPTURE) + 1 :]
    return None


def _checksum(head: bytes, table: bytes, body: bytes) -> int:
    mirrored = (head[:22] + bytes(4) + head[26:] + table + body).translate(_MIRRORED)
    return int(f"{crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF:032b}"[::-1], 2)


def _follows(walk: _Walk, at: int, head: bytes, table: bytes, body: bytes) -> bool:
    """Take note of a page at the byte ``at``; False when one of the same stream is missing before it."""
    granule, serial, number = _told(head)
    if head[5] & _BEGIN:
        _begin(walk, at, serial, _Logical(_rate(body), number + 1, marks=Marks() if body.startswith(_VORBIS) else None))
        return True
    stream = walk.streams.get(serial)
    if stream is None or number != stream.next_page:
        return False
    stream.next_page = number + 1
    if granule != _NO_GRANULE:
        stream.granule = max(0, _signed(granule))
    if stream.marks is not None:
        _mark(stream, stream.marks, len(table) - table.count(255), granule, is_end=bool(head[5] & _END))
    return True


def _go_on(walk: _Walk, head: bytes) -> None:
    """Behind a page that is missing: how long the sound is goes on, but nobody knows how many packets there were."""
    granule, serial, number = _told(head)
    if (stream := walk.streams.get(serial)) is not None:
        stream.next_page, stream.marks = number + 1, None
        if granule != _NO_GRANULE:
            stream.granule = max(0, _signed(granule))


def _told(head: bytes) -> tuple[int, int, int]:
    granule, serial, number = (int.from_bytes(head[a:b], "little") for a, b in ((6, 14), (14, 18), (18, 22)))
    return granule, serial, number


def _begin(walk: _Walk, at: int, serial: int, stream: _Logical) -> None:
    if serial in walk.streams or any(each.granule for each in walk.streams.values()):
        # A chained file: the next piece begins where the last one ended.
        walk.ended_seconds = walk.seconds
        walk.streams.clear()
    if not walk.streams:
        walk.links.append(Link(at, []))
    if len(walk.streams) < _MOST_STREAMS:
        walk.streams[serial] = stream
        walk.links[-1].marks.append(stream.marks)


def _mark(stream: _Logical, marks: Marks, ended_packets: int, granule: int, *, is_end: bool) -> None:
    """``granule`` is that of the last packet which ends on the page (RFC 3533, section 6)."""
    stream.packets += ended_packets
    if ended_packets and stream.packets > 0 and granule != _NO_GRANULE:
        marks.add(Mark(stream.packets, _signed(granule), is_end))


def _signed(granule: int) -> int:
    return granule - (granule >> 63 << 64)


def _rate(first_packet: bytes) -> int:
    """What granules count in, per second; 0 where the stream isn't sound that we know."""
    if first_packet.startswith(_VORBIS):
        return int.from_bytes(first_packet[12:16], "little")
    if first_packet.startswith(b"OpusHead"):
        return 48_000
    if first_packet.startswith(b"\x7fFLAC"):
        return int.from_bytes(first_packet[27:30]) >> 4
    if first_packet.startswith(b"Speex   "):
        return int.from_bytes(first_packet[36:40], "little")
    return 0
