"""How many bytes of sound files of AU, CAF and Wave64 say they hold: of one that is cut off, FFmpeg says how many there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import BinaryIO

_MOST_CHUNKS = 1000
_AU_OFFSET_AT, _AU_SIZE_AT, _UNKNOWN_AU = 4, 8, (0, 0xFFFF_FFFF)
_CAF_FIRST_AT, _CAF_HEAD_BYTES, _EDIT_COUNT_BYTES = 8, 12, 4
_W64_FIRST_AT, _W64_HEAD_BYTES, _W64_ALIGNMENT = 40, 24, 8
_W64_DATA = b"data\xf3\xac\xd3\x11"
_LARGEST = 1 << 60  # what isn't known yet is written as -1 or as the largest number


def told_data_bytes(file: BinaryIO, kind: str) -> int | None:
    """Nothing where a file of that ``kind``, one of :data:`KINDS`, doesn't say."""
    found = _READERS[kind](file)
    return found if found is not None and 0 <= found < _LARGEST else None


def au_end(file: BinaryIO) -> int | None:
    """Behind which byte of an AU file, which begins where ``file`` stands, something else follows than sound; nothing where it doesn't say."""
    begin = file.tell()
    head = file.read(_AU_SIZE_AT + 4)
    size = int.from_bytes(head[_AU_SIZE_AT:])
    return None if size in _UNKNOWN_AU else begin + int.from_bytes(head[_AU_OFFSET_AT:_AU_SIZE_AT]) + size


def _of_au(file: BinaryIO) -> int | None:
    file.seek(_AU_SIZE_AT)
    size = int.from_bytes(file.read(4))
    return None if size in _UNKNOWN_AU else size


def _of_caf(file: BinaryIO) -> int | None:
    at = _CAF_FIRST_AT
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(_CAF_HEAD_BYTES)
        size = int.from_bytes(head[4:], signed=True)
        if head.startswith(b"data"):
            return size - _EDIT_COUNT_BYTES
        if len(head) < _CAF_HEAD_BYTES or not 0 <= size < _LARGEST:
            return None
        at += _CAF_HEAD_BYTES + size
    return None


def _of_w64(file: BinaryIO) -> int | None:
    at = _W64_FIRST_AT
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(_W64_HEAD_BYTES)
        size = int.from_bytes(head[16:], "little")
        if head.startswith(_W64_DATA):
            return size - _W64_HEAD_BYTES
        if not _W64_HEAD_BYTES <= size < _LARGEST:
            return None
        at += size + -size % _W64_ALIGNMENT
    return None


_READERS: Mapping[str, Callable[[BinaryIO], int | None]] = {"au": _of_au, "caf": _of_caf, "w64": _of_w64}
KINDS = frozenset(_READERS)
"""As :func:`soundmill.engine.containers.sniff.sniff` calls them."""
