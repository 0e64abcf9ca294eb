"""Which storage a database's rows speak of."""

from __future__ import annotations

import uuid

from sqlalchemy import insert, inspect, select, update

from soundmill.adapters.database.connection import Database
from soundmill.adapters.database.schema import storages


class DatabaseIdentity:
    """See :class:`soundmill.service.ports.StorageRecord`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self) -> tuple[str, bool] | None:
        """See the port."""
        with self._database.reading() as connection:
            if not inspect(connection).has_table(storages.name):
                return None  # nobody has prepared this database yet
            row = connection.execute(select(storages)).first()
        return None if row is None else (row.identity, row.is_marked)

    def choose(self) -> tuple[str, bool]:
        """See the port."""
        with self._database.writing() as connection:
            self._database.lock(connection, "soundmill storage")
            row = connection.execute(select(storages)).first()
            if row is not None:
                return row.identity, row.is_marked
            identity = uuid.uuid4().hex
            connection.execute(insert(storages).values(identity=identity, is_marked=False))
            return identity, False

    def note_marked(self) -> None:
        """See the port."""
        with self._database.writing() as connection:
            connection.execute(update(storages).values(is_marked=True))
