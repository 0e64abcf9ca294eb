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


def _contents(file: BinaryIO, within: tuple[int, int], path: tuple[bytes, ...]) -> Iterator[tuple[int, int]]:
    if not path:
        yield within
        return
    at, end = within
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(_LONG_HEAD_BYTES)
        size, head_bytes = int.from_bytes(head[:4]), _HEAD_BYTES
        if size == 1:
            size, head_bytes = int.from_bytes(head[8:]), _LONG_HEAD_BYTES
        elif size == 0:
            size = end - at  # to the end of what it is in
        if size < head_bytes or at + size > end:
            return
        if head[4:8] == path[0]:
            yield from _contents(file, (at + head_bytes, at + size), path[1:])
        at += size
