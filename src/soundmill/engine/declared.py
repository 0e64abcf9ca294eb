"""How many samples a file says it has, where it says so in a way that can be relied on.

A file that holds less was cut off. Estimates from a bit rate are worth nothing here: they follow the file's size.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from av.audio.stream import AudioStream
from av.container import InputContainer

from soundmill.engine.mpeg import xing_sample_count

# The header counts samples (or the muxer knew them when it wrote it).
_COUNTED = frozenset({"flac", "aiff", "w64", "caf", "tta", "wv", "ape", "mov,mp4,m4a,3gp,3g2,mj2", "asf"})
_STREAMED_SIZES = frozenset({0, 0xFFFFFFFF, 0xFFFFFFFF - 36, 0xFFFFFFFF - 78})
_MOST_CHUNKS = 1000
_HEAD_BYTES = 64 * 1024


def declared_sample_count(path: Path, kind: str, container: InputContainer, stream: AudioStream) -> int | None:
    """Samples per channel, or ``None`` where the file doesn't say."""
    if kind == "wav":
        with path.open("rb") as file:
            size = _wav_data_bytes(file)
        if size is None or size in _STREAMED_SIZES:
            return None
        return _by_stream(stream)
    if kind == "mp3":
        with path.open("rb") as file:
            return xing_sample_count(_behind_id3(file))
    return _by_stream(stream) if kind in _COUNTED else None


def shortfall_allowed(kind: str, sample_rate: int) -> int:
    """How many samples fewer than declared are no sign of damage: headers in milliseconds, edit lists, encoder delay."""
    if kind in ("flac", "wav", "aiff", "w64", "tta", "wv"):
        return 0
    return sample_rate // 2 if kind == "asf" or kind.startswith("mov") else 2 * 1152


def _by_stream(stream: AudioStream) -> int | None:
    if not stream.duration or stream.duration < 0:
        return None
    return int(stream.duration * stream.time_base * stream.codec_context.sample_rate)


def _wav_data_bytes(file: BinaryIO) -> int | None:
    """The declared size of a RIFF file's ``data`` chunk; RF64 says it elsewhere, and FFmpeg reads it there."""
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    is_rf64 = file.read(12)[:4] == b"RF64"
    for _ in range(_MOST_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            return None
        size = int.from_bytes(header[4:], "little")
        if header[:4] == b"data":
            return length if is_rf64 else size
        file.seek(size + size % 2, os.SEEK_CUR)
    return None


def _behind_id3(file: BinaryIO) -> bytes:
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3":
        start = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    file.seek(start)
    return file.read(_HEAD_BYTES)
