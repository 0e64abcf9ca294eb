"""Do this database and this storage belong together?

A worker that works in an unmounted directory finds no source; a janitor with another database takes every file for a leftover. So a
storage is marked once, by the API, with an identity that the database knows too.
"""

from __future__ import annotations

from soundmill.model.errors import ConfigurationError
from soundmill.service.ports import StorageMark, StorageRecord


class Belonging:
    """``record`` is the database's side, ``mark`` the storage's."""

    def __init__(self, record: StorageRecord, mark: StorageMark) -> None:
        self._record = record
        self._mark = mark

    def establish(self) -> str:
        """Mark a new storage, or find that it is the known one; gives its identity. Several may do so at once.

        Raises ``ConfigurationError``.
        """
        marked = self._mark.read()
        if marked is not None and self._record.get() is None:
            raise ConfigurationError(
                f"The files in {self._mark.place} belong to another database. Choose that one, or an empty place."
            )
        identity, was_marked = self._record.choose()
        if not was_marked:
            # A crash between these two is repaired by the next start: the mark is the same.
            self._mark.write(identity)
            self._record.note_marked()
        return self.check()

    def check(self) -> str:
        """The identity on which both sides agree. Raises ``ConfigurationError``."""
        marked = self._mark.read()
        known = self._record.get()
        if known is None:
            raise ConfigurationError("The database is new: the API prepares it, start that first.")
        if marked is None:
            raise ConfigurationError(
                f"{self._mark.place} isn't the storage of this database. Is it the right one, and mounted?"
            )
        if marked != known[0]:
            raise ConfigurationError(f"The files in {self._mark.place} belong to another database.")
        return marked
