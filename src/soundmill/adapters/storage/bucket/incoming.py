"""One file on its way into the bucket."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from soundmill.adapters.storage.bucket.objects import Bucket
from soundmill.adapters.storage.bucket.pieces import PiecewiseUpload, whole_name
from soundmill.adapters.storage.keys import new_key
from soundmill.adapters.storage.told import upload_over
from soundmill.failpoints import failpoint
from soundmill.model.errors import StorageError, file_too_large
from soundmill.service.ports import StoredFile


class BucketIncoming:
    """See :class:`soundmill.service.ports.Incoming`. For one thread at a time; holds at most a piece in memory.

    Until there is more than a piece the bucket knows nothing of it.
    """

    def __init__(self, bucket: Bucket, size_limit: int, piece_bytes: int) -> None:
        self._bucket = bucket
        self._size_limit = size_limit
        self._piece_bytes = piece_bytes
        self._key = new_key()
        self._upload: PiecewiseUpload | None = None
        self._put = 0
        self._waiting = bytearray()
        self._hash = hashlib.sha256()
        self._size = 0
        self._is_over = False

    def write(self, data: bytes) -> int:
        """See the port."""
        self._check_open()
        if self._size + len(data) > self._size_limit:
            self.abort()
            raise file_too_large(self._size_limit)
        rest = memoryview(data)
        while len(self._waiting) + len(rest) > self._piece_bytes:
            room = self._piece_bytes - len(self._waiting)
            self._waiting += rest[:room]
            rest = rest[room:]
            self._put_piece()
        self._waiting += rest
        self._hash.update(data)  # gives the interpreter to other threads meanwhile, for 2 KiB and more
        self._size += len(data)
        failpoint("mid_upload")
        return len(data)

    def commit(self) -> StoredFile:
        """See the port. What a failure leaves behind is swept."""
        self._check_open()
        self._is_over = True
        if self._upload is None:
            store_whole(self._bucket, self._key, self._waiting)
        else:
            self._put_piece()
            self._upload.finish(self._size)
        return StoredFile(self._key, self._size, self._hash.hexdigest())

    def abort(self) -> None:
        """See the port. Without the bucket the pieces stay until they are swept."""
        if not self._is_over:
            self._is_over = True
            if self._upload is not None:
                with suppress(StorageError):
                    self._upload.abort()

    def _put_piece(self) -> None:
        if self._upload is None:
            self._upload = PiecewiseUpload(self._bucket, self._key, self._piece_bytes)
        content, self._waiting = self._waiting, bytearray()
        self._upload.put(self._put, content)
        self._put += 1

    def _check_open(self) -> None:
        if self._is_over:
            raise upload_over()


def store_whole(bucket: Bucket, key: str, content: bytes | bytearray) -> None:
    """A small file, by one request: visible whole or not at all."""
    bucket.put(whole_name(key), content)
    if bucket.size(whole_name(key)) != len(content):
        raise StorageError("The storage can't write a file: the bucket holds something else.", detail_for_log=key)
