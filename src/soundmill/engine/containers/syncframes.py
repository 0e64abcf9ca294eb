"""Frames of AC-3, E-AC-3, DTS, WavPack and Musepack, each of which tells its length.

Of the first three FFmpeg goes on with the next that it finds, and says nothing; of the others it calls damaged what somebody appended.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import BinaryIO

from soundmill.engine.codecs.musepack import musepack_number
from soundmill.engine.containers.part import BARE_KINDS
from soundmill.engine.damage import Damage

_HEAD_BYTES, _BLOCK_BYTES = 32, 1 << 20
_LONGEST_PADDING = _HEAD_BYTES  # zeros that fill a frame up
_WORD_BYTES = 4  # extensions of DTS begin at multiples of it
_MOST_GAPS, _MOST_PLACES = 10_000, 1_000_000
_AC3_SYNC, _DTS_SYNC, _DTS_EXTENSION_SYNC = b"\x0b\x77", b"\x7f\xfe\x80\x01", b"\x64\x58\x20\x25"
# ETSI TS 102 366, sections 4.4.1 and E.1.3.1.
_AC3_RATES, _AC3_HALF_RATES = (48_000, 44_100, 32_000), (24_000, 22_050, 16_000)
_AC3_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_AC3_SAMPLES, _BLOCK_SAMPLES, _BLOCKS = 1536, 256, (1, 2, 3, 6)
_FULL_RATE_VERSION, _LAST_AC3_VERSION, _LAST_VERSION = 8, 10, 16
_RESERVED, _DEPENDENT = 3, 1
# ETSI TS 102 114, table 5-5.
_DTS_RATES = (0, 8_000, 16_000, 32_000, 0, 0, 11_025, 22_050, 44_100, 0, 0, 12_000, 24_000, 48_000, 0, 0)
_DTS_BLOCK_SAMPLES, _SHORTEST_DTS_BYTES = 32, 96
_DTS_FORM_BYTES, _MOST_FORMS = 9, 1000  # most files have one
# wavpack.com, WavPack 4 & 5 Binary File / Block Format.
_WAVPACK_SYNC, _WAVPACK_HEAD_BYTES, _BEFORE_SIZE, _FIRST_CHANNELS = b"wvpk", 32, 8, 1 << 11
_WAVPACK_RATES = (6, 8, 9.6, 11.025, 12, 16, 22.05, 24, 32, 44.1, 48, 64, 88.2, 96, 192)
# trac.musepack.net, SV8Specification: names of two letters, then the length with both, 7 bits a byte.
_MUSEPACK_MAGIC, _MUSEPACK_SOUND, _MUSEPACK_END = b"MPCK", b"AP", b"SE"
_MUSEPACK_PACKETS = frozenset({b"SH", b"RG", b"EI", b"SO", b"ST", _MUSEPACK_SOUND, b"CT", _MUSEPACK_END})


@dataclass(frozen=True, slots=True)
class _Frame:
    size_bytes: int
    seconds: float
    is_last: bool = False


type _FrameOf = Callable[[bytes], _Frame | None]


@dataclass(frozen=True, slots=True)
class Row:
    """``damage`` is the first place where something else stands between frames; from the byte ``end`` on there are none."""

    damage: Damage | None
    end: int


def examine(file: BinaryIO, kind: str) -> Row:
    """From where ``file`` stands to its end; ``kind``, one of :data:`KINDS`, is what :func:`soundmill.engine.containers.sniff.sniff` calls it.

    Half a frame at the end of the first three is no damage: what was cut out of something longer ends like that, and it decodes to
    whatever comes out.
    """
    sync, frame_of = _KINDS[kind]
    at, length = file.tell(), file.seek(0, os.SEEK_END)
    seconds, damage, gaps = 0.0, None, 0
    heads = _Heads(file)
    while at < length and gaps < _MOST_GAPS:
        frame = frame_of(heads.at(at))
        if frame is not None and at + frame.size_bytes > length:
            is_told = damage is not None or kind in BARE_KINDS
            return Row(damage if is_told else Damage(seconds or None, length, True, "the last frame is cut off"), at)
        if frame is not None:
            seconds += frame.seconds
            at += frame.size_bytes
            if frame.is_last:
                return Row(damage, at)
            continue
        following = _next_frame(heads, at, length, sync, frame_of)
        if following is None:
            return Row(damage, at)
        if damage is None and not _is_padding(heads, at, following):
            damage = Damage(seconds or None, at, False, "no frame there")
        at, gaps = following, gaps + 1
    return Row(damage, length)


class _Heads:
    """A file in large blocks: a hundred thousand frames make an hour, and asking for each by itself takes twice as long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._block, self._begin = b"", 0

    def at(self, place: int) -> bytes:
        """The bytes from ``place`` on, as many as a head has at most."""
        offset = place - self._begin
        if not 0 <= offset <= len(self._block) - _HEAD_BYTES:
            self._file.seek(place)
            self._block, self._begin, offset = self._file.read(_BLOCK_BYTES), place, 0
        return self._block[offset : offset + _HEAD_BYTES]

    def elsewhere(self, place: int) -> bytes:
        """The same without leaving the block, of a place that may be far off."""
        if 0 <= place - self._begin <= len(self._block) - _HEAD_BYTES:
            return self.at(place)
        self._file.seek(place)
        return self._file.read(_HEAD_BYTES)

    def places(self, at: int, sync: bytes) -> Iterator[int]:
        """Of ``sync``, from ``at`` on."""
        while True:
            self._file.seek(at)
            block = self._file.read(_BLOCK_BYTES)
            found = block.find(sync)
            while found >= 0:
                yield at + found
                found = block.find(sync, found + 1)
            if len(block) < _BLOCK_BYTES:
                return
            at += len(block) - len(sync) + 1


def _next_frame(heads: _Heads, at: int, length: int, sync: bytes, frame_of: _FrameOf) -> int | None:
    """Where behind ``at`` the next begins that is followed by another, or by the end."""
    for place in islice(heads.places(at, sync), _MOST_PLACES):
        frame = frame_of(heads.at(place))
        if frame is not None:
            end = place + frame.size_bytes
            if end == length or frame_of(heads.elsewhere(end)) is not None:
                return place
    return None


def _is_padding(heads: _Heads, begin: int, end: int) -> bool:
    size = end - begin
    return size < _WORD_BYTES or (size <= _LONGEST_PADDING and not any(heads.at(begin)[:size]))


def _ac3_frame(head: bytes) -> _Frame | None:
    if len(head) < 6 or not head.startswith(_AC3_SYNC):
        return None
    version = head[5] >> 3
    if version <= _LAST_AC3_VERSION:
        return _ac3_form(head[4], version)
    return _eac3_frame(head, head[4] >> 6) if version <= _LAST_VERSION else None


@cache
def _ac3_form(code: int, version: int) -> _Frame | None:
    rate_code, size_code = code >> 6, code & 63
    if rate_code == _RESERVED or size_code >> 1 >= len(_AC3_KBITS):
        return None
    rate = _AC3_RATES[rate_code]
    # In words of 16 bits, of which 44.1 kHz needs one more now and then.
    words = _AC3_KBITS[size_code >> 1] * 1000 * _AC3_SAMPLES // rate // 16 + (size_code & 1 if rate == 44_100 else 0)
    return _Frame(2 * words, _AC3_SAMPLES / (rate >> max(0, version - _FULL_RATE_VERSION)))


def _eac3_frame(head: bytes, rate_code: int) -> _Frame | None:
    kind, substream = head[2] >> 6, head[2] >> 3 & 7
    size_bytes = 2 * (((head[2] & 7) << 8 | head[3]) + 1)
    second_code = head[4] >> 4 & 3
    if kind == _RESERVED or _RESERVED == rate_code == second_code:
        return None
    if rate_code == _RESERVED:
        rate, blocks = _AC3_HALF_RATES[second_code], _BLOCKS[-1]
    else:
        rate, blocks = _AC3_RATES[rate_code], _BLOCKS[second_code]
    is_heard = kind != _DEPENDENT and substream == 0
    return _Frame(size_bytes, blocks * _BLOCK_SAMPLES / rate if is_heard else 0.0)


def _dts_frame(head: bytes) -> _Frame | None:
    """ETSI TS 102 114, sections 5.3 and 7.4: a core, or the extension that follows it."""
    if len(head) < _HEAD_BYTES:
        return None
    if head.startswith(_DTS_EXTENSION_SYNC):
        bits = int.from_bytes(head)
        size_bytes = _bits(bits, 55, 20) if _bits(bits, 42, 1) else _bits(bits, 51, 16)
        return _Frame(size_bytes + 1, 0.0)
    return _dts_core(head[:_DTS_FORM_BYTES]) if head.startswith(_DTS_SYNC) else None


@lru_cache(_MOST_FORMS)
def _dts_core(form: bytes) -> _Frame | None:
    bits = int.from_bytes(form.ljust(_HEAD_BYTES))
    blocks, size_bytes, rate = _bits(bits, 39, 7) + 1, _bits(bits, 46, 14) + 1, _DTS_RATES[_bits(bits, 66, 4)]
    if not rate or size_bytes < _SHORTEST_DTS_BYTES:
        return None
    return _Frame(size_bytes, blocks * _DTS_BLOCK_SAMPLES / rate)


def _wavpack_block(head: bytes) -> _Frame | None:
    if len(head) < _WAVPACK_HEAD_BYTES or not head.startswith(_WAVPACK_SYNC):
        return None
    size, samples, flags = (int.from_bytes(head[at : at + 4], "little") for at in (4, 20, 24))
    rate = _WAVPACK_RATES[code] * 1000 if (code := flags >> 23 & 15) < len(_WAVPACK_RATES) else 0
    return _Frame(_BEFORE_SIZE + size, samples / rate if rate and flags & _FIRST_CHANNELS else 0.0)


def _musepack_packet(head: bytes) -> _Frame | None:
    if head.startswith(_MUSEPACK_MAGIC):
        return _Frame(len(_MUSEPACK_MAGIC), 0.0)
    if head[:2] not in _MUSEPACK_PACKETS:
        return None
    size, end = musepack_number(head, 2)
    return _Frame(size, 0.0, is_last=head.startswith(_MUSEPACK_END)) if size >= end else None


def _bits(head: int, at: int, count: int) -> int:
    return head >> 8 * _HEAD_BYTES - at - count & (1 << count) - 1


_KINDS: Mapping[str, tuple[bytes, _FrameOf]] = {
    "ac3": (_AC3_SYNC, _ac3_frame),
    "eac3": (_AC3_SYNC, _ac3_frame),
    "dts": (_DTS_SYNC, _dts_frame),
    "mpc8": (_MUSEPACK_SOUND, _musepack_packet),
    "wv": (_WAVPACK_SYNC, _wavpack_block),
}
KINDS = frozenset(_KINDS)
