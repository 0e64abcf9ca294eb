"""The boxes of MP4 and QuickTime (ISO/IEC 14496-12, section 4.2; QuickTime calls them atoms)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

_MOST_BOXES = 10_000
_HEAD_BYTES, _LONG_HEAD_BYTES = 8, 16


def contents(file: BinaryIO, *path: bytes) -> Iterator[tuple[int, int]]:
    """Where the contents of each box at ``path`` (names, outermost first) begin and end."""
    yield from _contents(file, (0, file.seek(0, os.SEEK_END)), path)


def told_size(head: bytes) -> tuple[int, int]:
    """Of a box by its first 16 bytes, and how much of it is its header; a short size of 0 means to the end of what it is in."""
    size = int.from_bytes(head[:4])
    return (int.from_bytes(head[8:]), _LONG_HEAD_BYTES) if size == 1 else (size, _HEAD_BYTES)


def _contents(file: BinaryIO, within: tuple[int, int], path: tuple[bytes, ...]) -> Iterator[tuple[int, int]]:
    if not path:
        yield within
        return
    at, end = within
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(_LONG_HEAD_BYTES)
        size, head_bytes = told_size(head)
        if size == 0 and head_bytes == _HEAD_BYTES:
            size = end - at
        if size < head_bytes or at + size > end:
            return
        if head[4:8] == path[0]:
            yield from _contents(file, (at + head_bytes, at + size), path[1:])
        at += size
