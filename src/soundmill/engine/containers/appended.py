"""What stands behind the last sound of a file that doesn't say where it ends: something that a program put there, or a hole."""

from __future__ import annotations

from typing import BinaryIO

_MOST_BYTES = 1 << 14
_HOLE_BYTES = 4096  # file systems lose pages of so many


def appended(file: BinaryIO, at: int, end: int) -> bytes | None:
    """What stands from the byte ``at`` to ``end``; ``None`` where it is longer than what anybody appends, or what was never written."""
    if end - at > _MOST_BYTES:
        return None
    file.seek(at)
    rest = file.read(end - at)
    return rest if len(rest) < _HOLE_BYTES or rest.strip(b"\0") else None
