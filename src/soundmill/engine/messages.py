"""Messages between the processes of one conversion: a line of JSON, and bytes behind it. Nothing in them is ever run."""

from __future__ import annotations

import json
from collections.abc import Buffer, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

_SIZES = "sizes"


class Message(NamedTuple):
    """``parts`` are valid as long as somebody holds them."""

    head: Mapping[str, Any]
    parts: Sequence[Buffer] = ()


def send(file: BinaryIO, message: Message) -> None:
    """The inverse of :func:`receive`. Parts are written as they are: a large one isn't copied."""
    views = [memoryview(part) for part in message.parts]
    file.write(json.dumps({**message.head, _SIZES: [view.nbytes for view in views]}).encode() + b"\n")
    for view in views:
        file.write(view)
        view.release()
    file.flush()


def receive(file: BinaryIO) -> Message | None:
    """The next message; ``None`` when there is none any more. Raises ``EOFError`` when it ends before its own end."""
    line = file.readline()
    if not line:
        return None
    head = json.loads(line)
    sizes = head.pop(_SIZES)
    body = memoryview(bytearray(sum(sizes)))
    if body and file.readinto(body) < len(body):  # type: ignore[attr-defined]
        raise EOFError
    parts, at = [], 0
    for size in sizes:
        parts.append(body[at : at + size])
        at += size
    return Message(head, parts)
