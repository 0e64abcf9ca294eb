"""Messages between the processes of one conversion: a line of JSON, and bytes behind it or in shared memory. Nothing in them is ever run."""

from __future__ import annotations

import json
import mmap
from collections.abc import Buffer, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

_SIZES = "sizes"
_IS_SHARED = "shared"
_MOST_HELD_BYTES = 1 << 20


class Message(NamedTuple):
    """``parts`` are valid as long as somebody holds them; those in shared memory until its writer sends again."""

    head: Mapping[str, Any]
    parts: Sequence[Buffer] = ()


def send(file: BinaryIO, message: Message, area: mmap.mmap | None = None) -> None:
    """The inverse of :func:`receive`. Parts go into ``area`` where they have room, and else behind the line."""
    views = [memoryview(part) for part in message.parts]
    sizes = [view.nbytes for view in views]
    is_shared = area is not None and sum(sizes) <= len(area)
    head = json.dumps({**message.head, _SIZES: sizes, _IS_SHARED: is_shared}).encode() + b"\n"
    if area is not None and is_shared:
        _write(area, views)
        views = []
    file.write(head)
    file.writelines(views)
    file.flush()


def _write(area: mmap.mmap, views: Sequence[memoryview]) -> None:
    area.seek(0)
    held = 0
    for view in views:
        for at in range(0, view.nbytes, _MOST_HELD_BYTES):
            held += area.write(view[at : at + _MOST_HELD_BYTES])
            if held >= _MOST_HELD_BYTES:
                # It stays there for the reader; this process needn't hold it a second time.
                area.madvise(mmap.MADV_DONTNEED)
                held = 0


def receive(file: BinaryIO, area: mmap.mmap | None = None) -> Message | None:
    """The next message; ``None`` when there is none any more. Raises ``EOFError`` when it ends before its own end."""
    line = file.readline()
    if not line:
        return None
    head = json.loads(line)
    sizes = head.pop(_SIZES)
    is_shared = head.pop(_IS_SHARED)
    body = memoryview(area if area is not None and is_shared else bytearray(sum(sizes)))
    if not is_shared and body and file.readinto(body) < len(body):  # type: ignore[attr-defined]
        raise EOFError
    parts, at = [], 0
    for size in sizes:
        parts.append(body[at : at + size])
        at += size
    return Message(head, parts)
