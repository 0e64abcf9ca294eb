"""How much of what Musepack's decoder gives out is the sound: FFmpeg gives out all of it."""

from __future__ import annotations

from typing import BinaryIO

_HEADER_BYTES = 64
_SAMPLE_COUNT_AT = 5  # in a stream header, behind its checksum and version
# MPC_DECODER_SYNTH_DELAY of libmpcdec: before the first sample.
_DELAY = 481
_FRAMES_VERSION, _FRAME_SAMPLES, _GAPLESS_AT = 7, 1152, 20


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
    return range(_DELAY + silence, _DELAY + count) if count > silence else None


def _bounds_of_frames(head: bytes) -> range | None:
    """Of stream version 7, which says how much of the last frame is sound if its encoder knew it.

    No frame holds what stands in the decoder behind the last one: of up to 481 samples of the end nothing comes out.
    """
    frames, word = (int.from_bytes(head[at : at + 4], "little") for at in (4, _GAPLESS_AT))
    decoded = frames * _FRAME_SAMPLES
    count = decoded - _DELAY
    if word >> 31 and (last := word >> 20 & 0x7FF):
        count = decoded - _FRAME_SAMPLES + last
    return range(_DELAY, min(_DELAY + count, decoded)) if frames else None


def musepack_number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length: 7 bits a byte, the last one without the eighth; and where it ends."""
    value = 0
    while at < len(data):
        value, at = value << 7 | data[at] & 0x7F, at + 1
        if not data[at - 1] & 0x80:
            break
    return value, at
