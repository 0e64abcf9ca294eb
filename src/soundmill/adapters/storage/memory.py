"""Storage in memory, for tests of ours and of others. Its workbench needs real files: those live in a temporary directory."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from soundmill.adapters.storage.keys import checked_key, new_key
from soundmill.adapters.storage.told import no_such_file, storage_full, upload_over, upload_swept
from soundmill.model.errors import StorageError, file_too_large
from soundmill.model.tasks import Attempt
from soundmill.service.ports import StoredFile


@dataclass(slots=True)
class _Held:
    content: bytearray = field(default_factory=bytearray)
    written_at: float = field(default_factory=time.monotonic)

    def is_older_than(self, age: timedelta) -> bool:
        return time.monotonic() - self.written_at >= age.total_seconds()


class MemoryStorage:
    """See :class:`soundmill.service.ports.Storage`. Lives as long as its process; ``capacity_bytes`` is when it is full."""

    def __init__(self, capacity_bytes: int = 1 << 30) -> None:
        self.capacity_bytes = capacity_bytes
        self._files: dict[str, _Held] = {}
        self._incoming: dict[str, _Held] = {}

    def create(self, size_limit: int, expected_size: int = 0) -> MemoryIncoming:
        """See the port."""
        self.check_room(expected_size)
        return MemoryIncoming(self, size_limit)

    def open(self, key: str) -> BinaryIO:
        """See the port."""
        held = self._files.get(checked_key(key))
        if held is None:
            raise no_such_file()
        return BytesIO(held.content)

    def delete(self, key: str) -> None:
        """See the port."""
        self._files.pop(key, None)

    def keys(self, older_than: timedelta) -> Iterator[str]:
        """See the port."""
        return (key for key, held in list(self._files.items()) if held.is_older_than(older_than))

    def sweep_incoming(self, older_than: timedelta) -> int:
        """See the port."""
        aged = [key for key, held in self._incoming.items() if held.is_older_than(older_than)]
        for key in aged:
            del self._incoming[key]
        return len(aged)

    def check(self) -> None:
        """See the port."""
        self.check_room(1)

    def check_room(self, wanted_bytes: int) -> None:
        """Raise ``NoRoom`` when so many more bytes don't fit."""
        used = sum(len(held.content) for held in (*self._files.values(), *self._incoming.values()))
        if used + wanted_bytes > self.capacity_bytes:
            raise storage_full()

    def begin(self, key: str) -> None:
        """Receive under ``key``."""
        self._incoming[key] = _Held()

    def append(self, key: str, data: bytes) -> None:
        """More of what is being received."""
        self.check_room(len(data))
        held = self._incoming[key]
        held.content += data
        held.written_at = time.monotonic()

    def finish(self, key: str) -> StoredFile:
        """Make it visible."""
        held = self._incoming.pop(key, None)
        if held is None:
            raise upload_swept()
        held.written_at = time.monotonic()
        self._files[key] = held
        return StoredFile(key, len(held.content), hashlib.sha256(held.content).hexdigest())

    def forget(self, key: str) -> None:
        """Drop what is being received."""
        self._incoming.pop(key, None)


class MemoryIncoming:
    """See :class:`soundmill.service.ports.Incoming`."""

    def __init__(self, storage: MemoryStorage, size_limit: int) -> None:
        self._storage = storage
        self._size_limit = size_limit
        self._size = 0
        self._key: str | None = new_key()
        storage.begin(self._key)

    def write(self, data: bytes) -> int:
        """See the port."""
        if self._key is None:
            raise upload_over()
        if self._size + len(data) > self._size_limit:
            self.abort()
            raise file_too_large(self._size_limit)
        self._storage.append(self._key, data)
        self._size += len(data)
        return len(data)

    def commit(self) -> StoredFile:
        """See the port."""
        if self._key is None:
            raise upload_over()
        key, self._key = self._key, None
        return self._storage.finish(key)

    def abort(self) -> None:
        """See the port."""
        if self._key is not None:
            self._storage.forget(self._key)
            self._key = None


class MemoryWorkbench:
    """See :class:`soundmill.service.ports.Workbench`. Its directory goes when it is closed or collected."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self._directory = tempfile.TemporaryDirectory(prefix="soundmill-", ignore_cleanup_errors=True)
        self._scratches: dict[Attempt, _Held] = {}

    def close(self) -> None:
        """Remove the directory."""
        self._directory.cleanup()

    @contextmanager
    def source(self, key: str) -> Iterator[Path]:
        """See the port."""
        with self._storage.open(key) as stream, tempfile.NamedTemporaryFile(dir=self._directory.name) as copy:
            shutil.copyfileobj(stream, copy)
            copy.flush()
            yield Path(copy.name)

    @contextmanager
    def scratch(self, attempt: Attempt) -> Iterator[Path]:
        """See the port."""
        for other in list(self._scratches):
            if other.task_id == attempt.task_id and other.number <= attempt.number:
                self.sweep(other)
        self._scratches[attempt] = _Held()
        self._path(attempt).mkdir(mode=0o700)
        try:
            yield self._path(attempt)
        finally:
            self.sweep(attempt)

    def publish(self, attempt: Attempt, result: Path) -> StoredFile:
        """See the port."""
        if result.parent != self._path(attempt):
            raise StorageError("The result isn't where it was to be made.")
        stored = self._store(result)
        result.unlink()
        return stored

    def lend(self, path: Path, most_bytes: int) -> str:
        """See the port."""
        if path.lstat().st_size > most_bytes:
            raise StorageError("The file is not a plain one of that size.")
        return self._store(path).key

    def collect(self, key: str, path: Path) -> None:
        """See the port."""
        with self.source(key) as copy:
            path.unlink(missing_ok=True)
            shutil.copyfile(copy, path)
        self.drop(key)

    def drop(self, key: str) -> None:
        """See the port."""
        self._storage.delete(key)

    @contextmanager
    def blank(self) -> Iterator[Path]:
        """See the port."""
        with tempfile.NamedTemporaryFile(dir=self._directory.name) as file:
            yield Path(file.name)

    def scratches(self, older_than: timedelta) -> Iterator[Attempt]:
        """See the port."""
        return (attempt for attempt, held in list(self._scratches.items()) if held.is_older_than(older_than))

    def sweep(self, attempt: Attempt) -> None:
        """See the port."""
        self._scratches.pop(attempt, None)
        shutil.rmtree(self._path(attempt), ignore_errors=True)

    def _store(self, path: Path) -> StoredFile:
        if path.is_symlink() or not path.is_file():
            raise StorageError("The file is not a plain one.")
        content = path.read_bytes()
        incoming = self._storage.create(len(content), len(content))
        incoming.write(content)
        return incoming.commit()

    def _path(self, attempt: Attempt) -> Path:
        return Path(self._directory.name) / f"{attempt.task_id}-{attempt.number}"
