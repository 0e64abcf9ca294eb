"""How much of what Musepack's decoder gives out is the sound: FFmpeg gives out all of it."""

from __future__ import annotations

from typing import BinaryIO

_HEADER_BYTES = 64
_SAMPLE_COUNT_AT = 5  # in a stream header, behind its checksum and version
# MPC_DECODER_SYNTH_DELAY of libmpcdec: before the first sample.
_DELAY = 481


def musepack_bounds(file: BinaryIO) -> range | None:
    """Those of a file of stream version 8, whose first packet is the stream header (trac.musepack.net, SV8Specification)."""
    file.seek(0)
    head = file.read(_HEADER_BYTES)
    if head[:6] != b"MPCKSH":
        return None
    _, at = _number(head, 6)
    count, at = _number(head, at + _SAMPLE_COUNT_AT)
    silence, _ = _number(head, at)
    return range(_DELAY + silence, _DELAY + count) if count > silence else None


def _number(data: bytes, at: int) -> tuple[int, int]:
    """One of variable length: 7 bits a byte, the last one without the eighth; and where it ends."""
    value = 0
    while at < len(data):
        value, at = value << 7 | data[at] & 0x7F, at + 1
        if not data[at - 1] & 0x80:
            break
    return value, at
