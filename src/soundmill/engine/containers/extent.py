"""How many bytes a file says it has. One that has fewer was cut off, whatever its decoder makes of the rest."""

from __future__ import annotations

import os
from typing import BinaryIO

from soundmill.engine.containers.asf import file_properties
from soundmill.engine.containers.boxes import told_size
from soundmill.engine.containers.sniff import MOV
from soundmill.engine.containers.wave import end_of_blocks

_MP4_BOXES = frozenset({b"ftyp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"udta", b"meta"})
_MOST_BOXES = 100_000
_UNKNOWN_RIFF = 0x7FFF_0000  # whoever doesn't know it yet writes the largest number, or nearly
_PADDING = 1  # behind the last chunk, which some leave out


def declared_bytes(kind: str, file: BinaryIO) -> int | None:
    """The length in bytes that a file declares, if it does; it stands where its container begins.

    ``kind`` is what :func:`soundmill.engine.containers.sniff.sniff` calls it.
    """
    start = file.tell()
    if kind == "asf":
        found = file_properties(file)
        return None if found is None else start + found.size_bytes
    if kind == "avi":
        size = int.from_bytes(file.read(8)[4:], "little")
        return start + 8 + size - _PADDING if 0 < size < _UNKNOWN_RIFF else None
    if kind == "wav":
        return end_of_blocks(file)
    return _mp4_bytes(file, start) if kind == MOV else None


def _mp4_bytes(file: BinaryIO, start: int) -> int:
    """ISO/IEC 14496-12, section 4.2: the end of the last box; size 0 means "to the end of the file"."""
    length = file.seek(0, os.SEEK_END)
    for _ in range(_MOST_BOXES):
        if start >= length:  # sizes have up to 64 bits: no file can be read at some
            break
        file.seek(start)
        head = file.read(16)
        size, _ = told_size(head)
        if head[4:8] not in _MP4_BOXES or size < 8:
            break
        start += size
    return start
