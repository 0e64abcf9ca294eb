"""One file on its way into the directory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from soundmill.adapters.storage.disk import move_durably, our_errors, remove_durably, retried
from soundmill.adapters.storage.keys import new_key
from soundmill.adapters.storage.layout import Layout
from soundmill.adapters.storage.told import upload_over, upload_swept
from soundmill.failpoints import failpoint
from soundmill.model.errors import NotFound, file_too_large
from soundmill.service.ports import StoredFile

_ROOM_CHECK_BYTES = 16 << 20


class DirectoryIncoming:
    """See :class:`soundmill.service.ports.Incoming`. For one thread at a time.

    ``check_room`` raises ``NoRoom`` when the reserve is touched; it is asked every 16 MiB, for uploads that don't tell their size.
    Unless ``is_cached`` the kernel keeps nothing of the file in memory once it is safe.
    """

    def __init__(self, layout: Layout, size_limit: int, check_room: Callable[[], None], *, is_cached: bool) -> None:
        self._layout = layout
        self._size_limit = size_limit
        self._check_room = check_room
        self._is_cached = is_cached
        self._key = new_key()
        self._path = layout.incoming / self._key
        self._hash = hashlib.sha256()
        self._size = 0
        self._size_at_next_check = _ROOM_CHECK_BYTES
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with our_errors("begin a file"):
            self._descriptor: int | None = retried(lambda: os.open(self._path, flags, 0o600))

    def write(self, data: bytes) -> int:
        """See the port."""
        descriptor = self._open_descriptor()
        if self._size + len(data) > self._size_limit:
            self.abort()
            raise file_too_large(self._size_limit)
        if self._size >= self._size_at_next_check:
            self._check_room()
            self._size_at_next_check = self._size + _ROOM_CHECK_BYTES
        with our_errors("write a file"):
            _write_all(descriptor, data)
        self._hash.update(data)  # gives the interpreter to other threads meanwhile, for 2 KiB and more
        self._size += len(data)
        failpoint("mid_upload")
        return len(data)

    def commit(self) -> StoredFile:
        """See the port."""
        descriptor = self._open_descriptor()
        try:
            with our_errors("keep a file"):
                os.utime(descriptor)  # its age counts from here, however long the upload paused before
                os.fsync(descriptor)
                if not self._is_cached:
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                # A crash up to here leaves a file in incoming/; after the rename, one in files/ without a row. Both are swept.
                move_durably(self._path, self._layout.file(self._key))
        except NotFound as error:
            self._layout.check()
            raise upload_swept() from error
        finally:
            self._close()
        return StoredFile(self._key, self._size, self._hash.hexdigest())

    def abort(self) -> None:
        """See the port."""
        if self._descriptor is not None:
            self._close()
            with our_errors("remove a file"):
                remove_durably(self._path)

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise upload_over()
        return self._descriptor

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
