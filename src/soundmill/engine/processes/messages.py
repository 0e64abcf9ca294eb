"""Messages between the processes of one conversion: a line of JSON, and bytes behind it or in shared memory. Nothing in them is ever run."""

from __future__ import annotations

import json
from collections.abc import Buffer, Mapping, Sequence
from mmap import mmap
from typing import Any, BinaryIO, NamedTuple

_SIZES = "sizes"
_AREA = "area"


class Message(NamedTuple):
    """``parts`` stand at the begin of the shared ``area`` with this number, until that is filled again; or wherever they are held."""

    head: Mapping[str, Any]
    parts: Sequence[Buffer] = ()
    area: int | None = None


def moved(message: Message, number: int, area: mmap) -> Message:
    """With its parts in the shared ``area`` of this number; as it is where they find no room."""
    views = [memoryview(part) for part in message.parts]
    if sum(view.nbytes for view in views) > len(area):
        return message
    area.seek(0)
    for view in views:
        area.write(view)
    return message._replace(area=number)


def send(file: BinaryIO, message: Message) -> None:
    """The inverse of :func:`receive`. Parts go behind the line, unless they are shared."""
    views = [memoryview(part) for part in message.parts]
    sizes = [view.nbytes for view in views]
    file.write(json.dumps({**message.head, _SIZES: sizes, _AREA: message.area}).encode() + b"\n")
    if message.area is None:
        file.writelines(views)
    file.flush()


def receive(file: BinaryIO, areas: Sequence[mmap] = ()) -> Message | None:
    """The next message; ``None`` when there is none any more. Raises ``EOFError`` when it ends before its own end."""
    line = file.readline()
    if not line:
        return None
    head = json.loads(line)
    sizes, area = head.pop(_SIZES), head.pop(_AREA)
    body = memoryview(bytearray(sum(sizes)) if area is None else areas[area])
    if area is None and body and file.readinto(body) < len(body):  # type: ignore[attr-defined]
        raise EOFError
    parts, at = [], 0
    for size in sizes:
        parts.append(body[at : at + size])
        at += size
    return Message(head, parts, area)
