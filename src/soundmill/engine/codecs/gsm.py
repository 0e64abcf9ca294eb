"""GSM full rate without a container, as telephone systems keep what was said: 33 bytes are 20 ms (RFC 3551, section 4.5.8.1)."""

from __future__ import annotations

import os
from typing import BinaryIO

from soundmill.engine.damage import Damage

_FRAME_BYTES = 33
_FRAME_SECONDS = 0.02
_SIGNATURE = 0xD  # the first four bits of each frame
_LEAST_FRAMES = 6  # by chance one in 16 million other files begins with so many
_MOST_FRAMES = 16
_BYTES_AT_ONCE = _FRAME_BYTES << 15


def is_gsm_stream(head: bytes) -> bool:
    """True where a file that begins with ``head`` is one frame behind the other."""
    firsts = head[: _MOST_FRAMES * _FRAME_BYTES : _FRAME_BYTES]
    return len(firsts) >= _LEAST_FRAMES and _unsigned(firsts) is None


def find_gsm_damage(file: BinaryIO) -> Damage | None:
    """Where a frame isn't, to the end of the file: FFmpeg makes noise of what stands there."""
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    at = 0
    while block := file.read(_BYTES_AT_ONCE):
        wrong = _unsigned(block[::_FRAME_BYTES])
        if wrong is not None:
            return _damage(at // _FRAME_BYTES + wrong, "a frame without its signature", at_end=False)
        at += len(block)
    return _damage(length // _FRAME_BYTES, "a part of a frame", at_end=True) if length % _FRAME_BYTES else None


def _unsigned(firsts: bytes) -> int | None:
    return next((number for number, byte in enumerate(firsts) if byte >> 4 != _SIGNATURE), None)


def _damage(frames: int, detail: str, *, at_end: bool) -> Damage:
    return Damage(frames * _FRAME_SECONDS, frames * _FRAME_BYTES, at_end, detail)
