"""What goes from process to process arrives as it was, whichever way it takes."""

from __future__ import annotations

import mmap
import os

import pytest

from soundmill.engine.messages import Message, receive, send

PARTS = (b"first", bytes(3 << 20), b"", b"last" * 1000)
ALL_BYTES = sum(map(len, PARTS))


@pytest.mark.parametrize("area_bytes", [ALL_BYTES, 4 << 20])
def test_what_finds_room_in_shared_memory_goes_there(area_bytes: int) -> None:
    area = mmap.mmap(-1, area_bytes)
    readable, writable = os.pipe()
    with open(readable, "rb") as reader, open(writable, "wb") as writer:
        send(writer, Message({"number": 7}, PARTS), area)  # a pipe holds less: nobody would take it out
        message = receive(reader, area)
    assert message is not None
    assert message.head == {"number": 7}
    assert tuple(map(bytes, message.parts)) == PARTS


def test_what_finds_none_goes_through_the_pipe() -> None:
    area = mmap.mmap(-1, mmap.PAGESIZE)
    readable, writable = os.pipe()
    with open(readable, "rb") as reader, open(writable, "wb") as writer:
        send(writer, Message({}, [bytes([5]) * (mmap.PAGESIZE + 1)]), area)
        message = receive(reader, area)
    assert message is not None
    assert [set(part) for part in map(bytes, message.parts)] == [{5}]
    assert area[:] == bytes(mmap.PAGESIZE)
