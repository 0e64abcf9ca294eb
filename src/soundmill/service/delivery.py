"""The files of one request on their way in, one behind the other."""

from __future__ import annotations

import time
from datetime import timedelta

from soundmill.model.errors import InvalidRequest, TooLarge
from soundmill.model.names import clean_file_name
from soundmill.service.dropping import drop_all
from soundmill.service.ports import Incoming, NamedFile, Storage

MOST_SOURCES = 100
"""Of one task. Chapters are counted in a byte (ID3v2 “CTOC”, Nero “chpl”), and a claim's answer names all sources."""


class Delivery:
    """What was begun is gone without a trace after :meth:`abort`, unless :meth:`commit` has handed it over.

    ``size_limit`` is how many bytes all files may have together, ``expected_size`` how many are announced. A file is made safe when the
    next begins, so that one at a time is open and in memory. Until its row is there it looks like one that a crash left behind: so
    nothing is accepted whose first file has waited longer than ``patience``. For one thread.
    """

    def __init__(self, storage: Storage, size_limit: int, expected_size: int, patience: timedelta) -> None:
        self._storage = storage
        self._size = 0
        self._size_limit = size_limit
        self._expected_size = expected_size
        self._patience_seconds = patience.total_seconds()
        self._safe: list[NamedFile] = []
        self._safe_since = 0.0
        self._name = ""
        self._incoming: Incoming | None = None
        self.handed_over: tuple[NamedFile, ...] = ()
        """What :meth:`commit` gave."""

    @property
    def count(self) -> int:
        """How many files were begun."""
        return len(self._safe) + (self._incoming is not None)

    def begin(self, file_name: str) -> None:
        """The next file. Raises ``InvalidRequest`` for too many, ``NoRoom``."""
        if self.count == MOST_SOURCES:
            raise InvalidRequest(f"At most {MOST_SOURCES} files become one result.")
        if self._incoming is not None:
            self._make_safe(self._incoming)
        self._name = clean_file_name(file_name)
        self._incoming = self._storage.create(self._size_limit - self._size, max(0, self._expected_size - self._size))

    def write(self, data: bytes) -> None:
        """More of the file that was begun last. Raises ``TooLarge``, ``NoRoom``, ``InvalidRequest`` when it takes too long."""
        if self._incoming is None:
            raise InvalidRequest("There is no file to write to.")
        self._refuse_if_late()
        try:
            self._size += self._incoming.write(data)
        except TooLarge as error:
            if not self._safe:
                raise
            raise TooLarge(
                f"Together the files are larger than the {self._size_limit:,} bytes that this service takes."
            ) from error

    def commit(self) -> tuple[NamedFile, ...]:
        """All files, safe, in their order: the caller's from now on. Raises ``InvalidRequest`` for empty ones, and when it takes too long."""
        self._refuse_if_late()
        if self._incoming is not None:
            self._make_safe(self._incoming)
        self.handed_over, self._safe = tuple(self._safe), []
        return self.handed_over

    def abort(self) -> None:
        """Forget what wasn't handed over; may be called twice."""
        if self._incoming is not None:
            self._incoming.abort()
        drop_all(self._storage.delete, [each.stored.key for each in self._safe])
        self._safe = []

    def _make_safe(self, incoming: Incoming) -> None:
        stored = incoming.commit()
        # A crash from here to the rows leaves a file without one: the client got no answer, the janitor sweeps it.
        self._incoming = None
        self._safe_since = self._safe_since or time.monotonic()
        self._safe.append(NamedFile(self._name, stored))
        if stored.size == 0:
            raise InvalidRequest(f"The file “{self._name}” is empty.")

    def _refuse_if_late(self) -> None:
        if self._safe and time.monotonic() - self._safe_since > self._patience_seconds:
            raise InvalidRequest("The files took too long to arrive, one behind the other. Nothing was accepted.")
