"""How much of what Musepack's decoder gives out is the sound: FFmpeg gives out all of it."""

from __future__ import annotations

import os
from typing import BinaryIO

_HEADER_BYTES = 64
_SAMPLE_COUNT_AT = 5  # in a stream header, behind its checksum and version
# MPC_DECODER_SYNTH_DELAY of libmpcdec: before the first sample.
_DELAY = 481
_FRAMES_VERSION, _FRAME_SAMPLES = 7, 1152
_MAGIC, _SOUND, _SEEK_OFFSET, _OVERLOOKED = b"MPCK", b"AP", b"SO", b"XX"
_NAME_BYTES, _MOST_HEADS = 2, 16
_MOST_SAMPLES = 1 << 60  # a number of variable length may be any
_FRAMES_AT, _BANDS_AT, _GAPLESS_AT = 4, 8, 20


def musepack_bounds(file: BinaryIO) -> range | None:
    """Those of a file that begins with its header (trac.musepack.net, SV7 and SV8 specifications)."""
    file.seek(0)
    head = file.read(_HEADER_BYTES)
    if head[:6] == b"MPCKSH":
        return _bounds_of_packets(head)
    return _bounds_of_frames(head) if head[:3] == b"MP+" and head[3:4] and head[3] & 0xF == _FRAMES_VERSION else None


def _bounds_of_packets(head: bytes) -> range | None:
    _, at = musepack_number(head, 6)
    count, at = musepack_number(head, at + _SAMPLE_COUNT_AT)
    silence, _ = musepack_number(head, at)
    return range(_DELAY + silence, _DELAY + count) if silence < count < _MOST_SAMPLES else None


def _bounds_of_frames(head: bytes) -> range | None:
    """Of stream version 7, which says how much of the last frame is sound if its encoder knew it."""
    frames, word = (_word(head, at) for at in (_FRAMES_AT, _GAPLESS_AT))
    count = frames * _FRAME_SAMPLES - _DELAY
    if word >> 31 and (last := word >> 20 & 0x7FF):
        count = (frames - 1) * _FRAME_SAMPLES + last
    return range(_DELAY, _DELAY + count) if frames else None


def musepack_rest(file: BinaryIO) -> bytes:
    """A packet of silence for FFmpeg's decoder of stream version 7: behind the last frame it brings out what stands in the filters.

    Four bytes of the demuxer's, then the frame: no resolution for the first band, and none other than that for each of the others.
    """
    file.seek(0)
    bands = _word(file.read(_HEADER_BYTES), _BANDS_AT) >> 24 & 0x3F
    bits = "0" * 8 + "1" * 2 * bands
    return bytes(4) + b"".join(
        int(bits[at : at + 32].ljust(32, "0"), 2).to_bytes(4, "little") for at in range(0, len(bits), 32)
    )


def without_seek_table(file: BinaryIO) -> dict[int, bytes]:
    """What FFmpeg must read, and where, to overlook a table of more places than it expects, as short sounds have: it would go on behind that.

    Of stream version 8; nothing where it reads the table.
    """
    bounds = musepack_bounds(file)
    at, length = len(_MAGIC), file.seek(0, os.SEEK_END)
    for _ in range(_MOST_HEADS):
        head = _head(file, at, length)
        size, behind = musepack_number(head, _NAME_BYTES)
        if bounds is None or size < behind or head.startswith(_SOUND):
            break
        if head.startswith(_SEEK_OFFSET):
            offset, _ = musepack_number(head, behind)
            table = _head(file, at + offset, length)
            places, _ = musepack_number(table, musepack_number(table, _NAME_BYTES)[1])
            return {at: _OVERLOOKED} if places > len(bounds) // _FRAME_SAMPLES else {}
        at += size
    return {}


def _head(file: BinaryIO, at: int, length: int) -> bytes:
    if at >= length:
        return b""
    file.seek(at)
    return file.read(_HEADER_BYTES)


def _word(head: bytes, at: int) -> int:
    return int.from_bytes(head[at : at + 4], "little")


def musepack_number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length: 7 bits a byte, the last one without the eighth; and where it ends."""
    value = 0
    while at < len(data):
        value, at = value << 7 | data[at] & 0x7F, at + 1
        if not data[at - 1] & 0x80:
            break
    return value, at
