"""What the header of a Windows Media file (ASF specification, section 3) says about the whole of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

_HEADER_BYTES = 30
_OBJECT_BYTES = 24
_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_BROADCAST = 1
_MOST_OBJECTS = 1000


@dataclass(frozen=True, slots=True)
class FileProperties:
    """``size_at`` is where in the file its size is written; ``seconds`` is how long it plays."""

    size_at: int
    size_bytes: int
    seconds: float


def file_properties(file: BinaryIO) -> FileProperties | None:
    """From where ``file`` stands; ``None`` where they mean nothing, as in a broadcast."""
    at = file.tell() + _HEADER_BYTES
    length = file.seek(0, os.SEEK_END)
    for _ in range(_MOST_OBJECTS):
        if at >= length:  # sizes have 64 bits: no file can be read at some
            return None
        file.seek(at)
        head = file.read(_OBJECT_BYTES)
        size = int.from_bytes(head[16:], "little")
        if len(head) < _OBJECT_BYTES or size < _OBJECT_BYTES:
            return None
        if head.startswith(_FILE_PROPERTIES):
            return _properties(file.read(80), at + _OBJECT_BYTES)
        at += size
    return None


def correct_size(file: BinaryIO) -> None:
    """Write the file's size where it is declared: FFmpeg minds whether the two agree, and taggers don't."""
    file.seek(0)
    found = file_properties(file)
    if found is not None:
        size = file.seek(0, 2)
        file.seek(found.size_at)
        file.write(size.to_bytes(8, "little"))


def _properties(data: bytes, at: int) -> FileProperties | None:
    if len(data) < 80 or data[64] & _BROADCAST:
        return None
    size_bytes, play_ticks, preroll_milliseconds = (int.from_bytes(data[i : i + 8], "little") for i in (16, 40, 56))
    return FileProperties(at + 16, size_bytes, max(0.0, play_ticks / 1e7 - preroll_milliseconds / 1e3))
