"""Where a worker works: in the storage's own file system, so that publishing is a rename and copies nothing."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

from soundmill.adapters.storage.disk import move, move_durably, our_errors, plain_file, remove_durably, retried
from soundmill.adapters.storage.keys import new_key
from soundmill.adapters.storage.layout import Layout
from soundmill.adapters.storage.scratch import Scratches
from soundmill.model.errors import NotFound, StorageError
from soundmill.model.tasks import Attempt
from soundmill.placing import NO_LINKS
from soundmill.service.ports import StoredFile


class DirectoryWorkbench:
    """See :class:`soundmill.service.ports.Workbench`."""

    def __init__(self, root: Path) -> None:
        self._layout = Layout.prepared(root)
        self._scratches = Scratches(self._layout.scratches)

    @contextmanager
    def source(self, key: str) -> Iterator[Path]:
        """See the port. It is the stored file itself: read it, never write to it."""
        path = self._layout.file(key)
        with self._layout.telling_away_from_missing(), our_errors("read a file"):
            retried(lambda: path.stat(follow_symlinks=False))
        yield path

    def scratch(self, attempt: Attempt) -> AbstractContextManager[Path]:
        """See the port."""
        return self._scratches.scratch(attempt)

    def publish(self, attempt: Attempt, result: Path) -> StoredFile:
        """See the port. Raises ``StorageError`` for anything but a regular file directly in the attempt's scratch."""
        key = new_key()
        with self._scratches.result(attempt, result) as stream:
            size = os.fstat(stream.fileno()).st_size
            os.fchmod(stream.fileno(), 0o600)
            os.utime(stream.fileno())  # its age counts from here
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            os.fsync(stream.fileno())
        try:
            with our_errors("keep a result"):
                # A crash before the rename leaves the scratch, after it a file without a row: both are swept.
                move_durably(result, self._layout.file(key))
        except NotFound as error:
            raise StorageError("The result is not there.") from error
        return StoredFile(key, size, sha256)

    def lend(self, path: Path, most_bytes: int) -> str:
        """See the port. A second name for the file, where the file system has such; it would else be written twice."""
        key = new_key()
        target = self._layout.file(key)
        with our_errors("lend a file"):
            target.parent.mkdir(mode=0o700, exist_ok=True)
            try:
                retried(lambda: os.link(path, target, follow_symlinks=False))
            except FileExistsError:
                pass  # it was us: over NFS the first answer can be lost
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                self._lend_copy(key, path, most_bytes)
            facts = target.stat(follow_symlinks=False)
        # Looked at behind the link, where the confined process can't put another in its place.
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > most_bytes:
            self.drop(key)
            raise StorageError("The file is not a plain one of that size.")
        return key

    def collect(self, key: str, path: Path) -> None:
        """See the port."""
        with our_errors("collect a file"):
            move(self._layout.file(key), path)

    def drop(self, key: str) -> None:
        """See the port."""
        with our_errors("remove a file"):
            remove_durably(self._layout.file(key))

    def blank(self) -> AbstractContextManager[Path]:
        """See the port."""
        return self._blank(new_key())

    def scratches(self, older_than: timedelta) -> Iterator[Attempt]:
        """See the port."""
        return self._scratches.scratches(older_than)

    def sweep(self, attempt: Attempt) -> None:
        """See the port."""
        self._scratches.sweep(attempt)

    def _lend_copy(self, key: str, path: Path, most_bytes: int) -> None:
        with self._blank(key) as copy, plain_file(path) as stream:
            copy.write_bytes(stream.read(most_bytes + 1))
            move(copy, self._layout.file(key))

    @contextmanager
    def _blank(self, key: str) -> Iterator[Path]:
        """What a crash leaves is swept with uploads that broke off."""
        path = self._layout.incoming / key
        with our_errors("make a file"):
            retried(lambda: path.touch(mode=0o600, exist_ok=False))
        try:
            yield path
        finally:
            with our_errors("remove a file"):
                remove_durably(path)
