"""Files in a directory, local or on NFS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from soundmill.adapters.storage.disk import disk_now, our_errors, remove_durably, retried
from soundmill.adapters.storage.incoming import DirectoryIncoming
from soundmill.adapters.storage.keys import is_key
from soundmill.adapters.storage.layout import Layout
from soundmill.adapters.storage.told import storage_full
from soundmill.model.errors import NotFound
from soundmill.service.ports import Room

DEFAULT_RESERVE_BYTES = 256 << 20


class DirectoryStorage:
    """See :class:`soundmill.service.ports.Storage`. Any number of processes and machines may use one directory.

    ``reserve_bytes`` of the file system stay free: the database and the results of running conversions need room too.
    ``is_read_elsewhere`` says that other machines read what is written here: then none of it stays in this one's memory.
    """

    def __init__(
        self, root: Path, *, reserve_bytes: int = DEFAULT_RESERVE_BYTES, is_read_elsewhere: bool = False
    ) -> None:
        self._layout = Layout.prepared(root)
        self._reserve_bytes = reserve_bytes
        self._is_read_elsewhere = is_read_elsewhere

    def create(self, size_limit: int, expected_size: int = 0) -> DirectoryIncoming:
        """See the port."""
        self._layout.check()
        self._check_room(expected_size)
        return DirectoryIncoming(self._layout, size_limit, self._check_room, is_cached=not self._is_read_elsewhere)

    def open(self, key: str) -> BinaryIO:
        """See the port."""
        path = self._layout.file(key)
        with self._layout.telling_away_from_missing(), our_errors("open a file"):
            descriptor = retried(lambda: os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC))
        return os.fdopen(descriptor, "rb")

    def delete(self, key: str) -> None:
        """See the port."""
        try:
            path = self._layout.file(key)
        except NotFound:
            return
        with our_errors("remove a file"):
            remove_durably(path)

    def keys(self, older_than: timedelta) -> Iterator[str]:
        """See the port."""
        with our_errors("list its files"):
            oldest_new = disk_now(self._layout.incoming) - older_than.total_seconds()
            with os.scandir(self._layout.files) as groups:
                for group in groups:
                    if group.is_dir(follow_symlinks=False):
                        yield from _written_before(Path(group.path), oldest_new)

    def sweep_incoming(self, older_than: timedelta) -> int:
        """See the port."""
        swept = 0
        with our_errors("sweep broken-off uploads"):
            oldest_new = disk_now(self._layout.incoming) - older_than.total_seconds()
            for name in _written_before(self._layout.incoming, oldest_new):
                remove_durably(self._layout.incoming / name)
                swept += 1
        return swept

    def check(self) -> None:
        """See the port."""
        self._layout.check()
        self._check_room()
        with our_errors("write"):
            disk_now(self._layout.incoming)

    def room(self) -> Room:
        """What the file system has, without the reserve."""
        with our_errors("tell its free space"):
            room = os.statvfs(self._layout.incoming)
        free_bytes = room.f_bavail * room.f_frsize - self._reserve_bytes
        return Room(max(0, free_bytes), room.f_blocks * room.f_frsize)

    def _check_room(self, wanted_bytes: int = 0) -> None:
        with our_errors("tell its free space"):
            room = os.statvfs(self._layout.incoming)
        if room.f_bavail * room.f_frsize < wanted_bytes + self._reserve_bytes:
            raise storage_full()


def _written_before(directory: Path, moment: float) -> Iterator[str]:
    """The keys in ``directory`` last written at ``moment`` (seconds since the epoch) or before."""
    with os.scandir(directory) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # deleted while we walk
                if is_key(entry.name) and entry.stat(follow_symlinks=False).st_mtime <= moment:
                    yield entry.name
