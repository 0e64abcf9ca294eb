"""Files in a bucket of S3, of GCS, or of a server that speaks as S3 does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import BinaryIO

from soundmill.adapters.storage.bucket.incoming import BucketIncoming
from soundmill.adapters.storage.bucket.objects import Bucket
from soundmill.adapters.storage.bucket.pieces import (
    FILES,
    INCOMING,
    MOST_PIECES,
    PIECE_BYTES,
    key_of,
    remove_file,
    sweep_upload,
)
from soundmill.adapters.storage.bucket.reader import open_stream
from soundmill.adapters.storage.keys import is_key
from soundmill.adapters.storage.told import storage_full


class BucketStorage:
    """See :class:`soundmill.service.ports.Storage`. Any number of processes and machines may use one bucket.

    The bucket must list and read what was just written, and honour ``If-None-Match: *``. Ages are exact to a second.
    """

    def __init__(self, bucket: Bucket, *, piece_bytes: int = PIECE_BYTES) -> None:
        self._bucket = bucket
        self._piece_bytes = piece_bytes

    def create(self, size_limit: int, expected_size: int = 0) -> BucketIncoming:
        """See the port. A bucket doesn't tell how much room it has: only what no file can be is refused at once."""
        if expected_size > MOST_PIECES * self._piece_bytes:
            raise storage_full()
        return BucketIncoming(self._bucket, size_limit, self._piece_bytes)

    def open(self, key: str) -> BinaryIO:
        """See the port. What is deleted while it is read breaks off with ``StorageError``, unless it is short."""
        return open_stream(self._bucket, key)

    def delete(self, key: str) -> None:
        """See the port."""
        if is_key(key):
            remove_file(self._bucket, key)

    def keys(self, older_than: timedelta) -> Iterator[str]:
        """See the port."""
        return self._written_before(FILES, older_than)

    def sweep_incoming(self, older_than: timedelta) -> int:
        """See the port."""
        return sum(sweep_upload(self._bucket, key) for key in self._written_before(INCOMING, older_than))

    def check(self) -> None:
        """See the port."""
        self._bucket.check()

    def _written_before(self, folder: str, older_than: timedelta) -> Iterator[str]:
        oldest_new = self._bucket.now() - older_than
        for each in self._bucket.list(folder):
            if is_key(key_of(each["path"])) and each["last_modified"] <= oldest_new:
                yield key_of(each["path"])
