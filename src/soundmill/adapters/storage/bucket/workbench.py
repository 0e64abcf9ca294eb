"""Where a worker of a bucket works: on its machine's own disk, which nobody else sweeps."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import structlog

from soundmill.adapters.storage.bucket.incoming import store_whole
from soundmill.adapters.storage.bucket.objects import Bucket
from soundmill.adapters.storage.bucket.pieces import (
    PIECE_BYTES,
    Index,
    PiecewiseUpload,
    piece_name,
    remove_file,
    whole_name,
)
from soundmill.adapters.storage.disk import our_errors, plain_file
from soundmill.adapters.storage.held import alone, held, is_abandoned
from soundmill.adapters.storage.keys import new_key
from soundmill.adapters.storage.layout import make_private
from soundmill.adapters.storage.scratch import Scratches, remove
from soundmill.model.errors import NoRoom, NotFound, StorageError
from soundmill.model.tasks import Attempt
from soundmill.service.ports import StoredFile

_PIECES_AT_A_TIME = 4

_log = structlog.get_logger()


class BucketWorkbench:
    """See :class:`soundmill.service.ports.Workbench`. ``root`` is of this machine alone; any number of its processes may use it.

    Each new scratch, and each new workbench, removes what dead processes of this machine have left there.
    """

    def __init__(self, bucket: Bucket, root: Path, *, piece_bytes: int = PIECE_BYTES) -> None:
        self._bucket = bucket
        self._piece_bytes = piece_bytes
        root = root.absolute()
        self._sources, self._scratch_directory, self._lock = root / "sources", root / "scratch", root / "work.lock"
        make_private(root, self._sources, self._scratch_directory)
        self._scratches = Scratches(self._scratch_directory)
        with our_errors("make a work directory"), alone(self._lock):
            self._sweep_abandoned()

    @contextmanager
    def source(self, key: str) -> Iterator[Path]:
        """See the port. A copy, which goes at the end."""
        with self.blank() as path:
            self._fetch(key, path)
            yield path

    @contextmanager
    def scratch(self, attempt: Attempt) -> Iterator[Path]:
        """See the port."""
        with ExitStack() as holding:
            with our_errors("make a work directory"), alone(self._lock):
                self._sweep_abandoned()
                directory = holding.enter_context(self._scratches.scratch(attempt))
                holding.enter_context(held(directory))
            yield directory

    def publish(self, attempt: Attempt, result: Path) -> StoredFile:
        """See the port. Raises ``StorageError`` for anything but a regular file directly in the attempt's scratch."""
        key = new_key()
        with self._scratches.result(attempt, result) as stream:
            size = os.fstat(stream.fileno()).st_size
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            # A crash on the way leaves a mark with pieces, after it a file without a row: both are swept.
            self._store(key, stream.fileno(), size)
            result.unlink()
        return StoredFile(key, size, sha256)

    def lend(self, path: Path, most_bytes: int) -> str:
        """See the port."""
        key = new_key()
        with plain_file(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > most_bytes:
                raise StorageError("The file is not a plain one of that size.")
            self._store(key, stream.fileno(), size)
        return key

    def collect(self, key: str, path: Path) -> None:
        """See the port."""
        with self.source(key) as copy, our_errors("collect a file"):
            copy.rename(path)
        self.drop(key)

    def drop(self, key: str) -> None:
        """See the port."""
        remove_file(self._bucket, key)

    @contextmanager
    def blank(self) -> Iterator[Path]:
        """See the port."""
        path = self._sources / new_key()
        with ExitStack() as holding:
            with our_errors("make a work directory"), alone(self._lock):
                path.touch(mode=0o600, exist_ok=False)
                holding.callback(path.unlink, missing_ok=True)
                holding.enter_context(held(path))
            yield path

    def scratches(self, older_than: timedelta) -> Iterator[Attempt]:
        """See the port. Those of this machine."""
        return self._scratches.scratches(older_than)

    def sweep(self, attempt: Attempt) -> None:
        """See the port."""
        self._scratches.sweep(attempt)

    def _fetch(self, key: str, path: Path) -> None:
        try:
            content = self._bucket.read(whole_name(key))
        except NotFound:
            index = Index.read(self._bucket, key)
            _for_each_piece(index, lambda number, size: self._fetch_piece(key, number, size, path, index.piece_bytes))
        else:
            _write_at(path, 0, content)

    def _fetch_piece(self, key: str, number: int, size: int, path: Path, piece_bytes: int) -> None:
        content = self._bucket.read(piece_name(key, number))
        if len(content) != size:
            raise StorageError("The storage can't read a file: a piece has another size.", detail_for_log=key)
        _write_at(path, number * piece_bytes, content)

    def _store(self, key: str, result: int, size: int) -> None:
        if size <= self._piece_bytes:
            store_whole(self._bucket, key, os.pread(result, size, 0))
            return
        upload = PiecewiseUpload(self._bucket, key, self._piece_bytes)
        try:
            _for_each_piece(
                Index(size, self._piece_bytes),
                lambda number, length: upload.put(number, os.pread(result, length, number * self._piece_bytes)),
            )
            upload.finish(size)
        except (StorageError, NoRoom):
            with suppress(StorageError):
                upload.abort()
            raise

    def _sweep_abandoned(self) -> None:
        for directory in (self._sources, self._scratch_directory):
            for each in directory.iterdir():
                if is_abandoned(each):
                    _log.info("removed what a dead process left behind", path=str(each))
                    remove(each)


def _for_each_piece(index: Index, act: Callable[[int, int], None]) -> None:
    with ThreadPoolExecutor(_PIECES_AT_A_TIME) as pool:
        for _ in pool.map(lambda piece: act(*piece), index.pieces()):
            pass  # an error is raised here, and what hasn't begun is cancelled


def _write_at(path: Path, offset: int, content: bytes) -> None:
    with our_errors("write a file"), path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(content)
