"""What goes from process to process arrives as it was, whichever way it takes."""

from __future__ import annotations

import os
from mmap import PAGESIZE, mmap

import pytest

from soundmill.engine.processes.messages import Message, moved, receive, send

PARTS = (b"first", bytes(3 << 20), b"", b"last" * 1000)
ALL_BYTES = sum(map(len, PARTS))


@pytest.mark.parametrize("area_bytes", [ALL_BYTES, 4 << 20])
def test_what_finds_room_in_shared_memory_goes_there(area_bytes: int) -> None:
    areas = [mmap(-1, PAGESIZE), mmap(-1, area_bytes)]
    readable, writable = os.pipe()
    with open(readable, "rb") as reader, open(writable, "wb") as writer:
        send(writer, moved(Message({"number": 7}, PARTS), 1, areas[1]))  # a pipe holds less: nobody would take it out
        message = receive(reader, areas)
    assert message is not None
    assert message.head == {"number": 7}
    assert message.area == 1
    assert tuple(map(bytes, message.parts)) == PARTS


def test_what_finds_none_goes_through_the_pipe() -> None:
    area = mmap(-1, PAGESIZE)
    readable, writable = os.pipe()
    with open(readable, "rb") as reader, open(writable, "wb") as writer:
        send(writer, moved(Message({}, [bytes([5]) * (PAGESIZE + 1)]), 0, area))
        message = receive(reader, [area])
    assert message is not None
    assert message.area is None
    assert [set(part) for part in map(bytes, message.parts)] == [{5}]
    assert area[:] == bytes(PAGESIZE)
