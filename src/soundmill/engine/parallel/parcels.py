"""Messages in a file, on their way to another machine and back: whole, or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Buffer, Iterable
from typing import Any, BinaryIO, cast

from zlib_ng.zlib_ng import crc32

from soundmill.engine.parallel.pieces import PieceEncoder
from soundmill.engine.processes.messages import Message, receive, send
from soundmill.model.helping import LARGEST_PARCEL_BYTES

_SUM_BYTES = 4


class DamagedParcel(ValueError):
    """It isn't what was written."""


def write_parcel(file: BinaryIO, messages: Iterable[Message]) -> None:
    """With the CRC-32 of all that is in it at the end."""
    summing = _Summing(file)
    for each in messages:
        send(cast(BinaryIO, summing), each)
    file.write(summing.sum.to_bytes(_SUM_BYTES, "big"))


def read_parcel(file: BinaryIO) -> list[Message]:
    """The inverse of :func:`write_parcel`. Raises ``DamagedParcel``, also for more than ``LARGEST_PARCEL_BYTES``."""
    size = os.fstat(file.fileno()).st_size
    if not _SUM_BYTES <= size <= LARGEST_PARCEL_BYTES:
        raise DamagedParcel(f"{size} bytes")
    content = memoryview(file.read(size))
    body = content[:-_SUM_BYTES]
    if crc32(body) != int.from_bytes(content[-_SUM_BYTES:], "big"):
        raise DamagedParcel("another checksum")
    rest = io.BytesIO(body)
    messages = []
    try:
        while (message := receive(rest)) is not None:
            messages.append(message)
    except (EOFError, ValueError, LookupError, TypeError) as error:
        raise DamagedParcel(str(error)) from error
    return messages


def answer_piece(work: BinaryIO, answer: BinaryIO) -> None:
    """Encode what ``work`` says: the order that a member of a crew gets, and its piece. Raises ``DamagedParcel``."""
    order, piece = read_parcel(work)
    write_parcel(answer, (PieceEncoder(order)(piece),))


class _Summing:
    """What :func:`send` needs of a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sum = 0

    def write(self, data: Buffer) -> int:
        self.sum = crc32(data, self.sum)
        return self._file.write(data)

    def writelines(self, parts: Iterable[Any]) -> None:
        for each in parts:
            self.write(each)

    def flush(self) -> None:
        self._file.flush()
