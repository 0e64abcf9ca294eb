"""A file in the bucket as a seekable stream that asks for no more than is read, and a little ahead."""

from __future__ import annotations

import io
from collections.abc import Buffer, Callable
from functools import partial
from typing import BinaryIO

from soundmill.adapters.storage.bucket.objects import Bucket
from soundmill.adapters.storage.bucket.pieces import Index, piece_name, whole_name
from soundmill.model.errors import NotFound, StorageError

# Each request costs a round trip of 10 to 100 ms: the longer somebody reads on, the more is asked for at a time.
_FIRST_BYTES, _NEXT_BYTES, _MOST_BYTES = 64 << 10, 256 << 10, 2 << 20


def open_stream(bucket: Bucket, key: str) -> BinaryIO:
    """Raises ``NotFound``. A file that is deleted meanwhile can be read no further than it was asked for."""
    try:
        beginning, size = bucket.read_beginning(whole_name(key), _FIRST_BYTES)
    except NotFound:
        index = Index.read(bucket, key)
        beginning, _ = bucket.read_beginning(piece_name(key, 0), _FIRST_BYTES)
        return io.BufferedReader(_Ranges(bucket, index, partial(piece_name, key), beginning))
    return io.BufferedReader(_Ranges(bucket, Index(size, max(1, size)), lambda number: whole_name(key), beginning))


class _Ranges(io.RawIOBase):
    """Holds one range of the file in memory, which ends with its piece at the latest."""

    def __init__(self, bucket: Bucket, index: Index, name_of: Callable[[int], str], beginning: Buffer) -> None:
        super().__init__()
        self._bucket = bucket
        self._index = index
        self._name_of = name_of
        self._held = memoryview(beginning)
        self._held_at = 0
        self._next_bytes = _NEXT_BYTES
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._index.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        if self._position >= self._index.size:
            return 0
        if not self._held_at <= self._position < self._held_at + len(self._held):
            self._fetch()
        start = self._position - self._held_at
        with memoryview(buffer) as wanted:
            given = self._held[start : start + len(wanted)]
            wanted[: len(given)] = given
        self._position += len(given)
        return len(given)

    def _fetch(self) -> None:
        reads_on = self._position == self._held_at + len(self._held)
        self._next_bytes = min(2 * self._next_bytes, _MOST_BYTES) if reads_on else _NEXT_BYTES
        number, start = divmod(self._position, self._index.piece_bytes)
        end = min(start + self._next_bytes, self._index.piece_bytes, self._index.size - self._position + start)
        try:
            self._held = memoryview(self._bucket.read_range(self._name_of(number), start, end))
        except NotFound as error:
            # The answer has begun: it can only break off.
            raise StorageError("The file was deleted.", detail_for_log=error.detail_for_log) from error
        self._held_at = self._position
