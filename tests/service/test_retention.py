"""What is kept no longer goes, with its bytes, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from soundmill.adapters.database import (
    Database,
    DatabaseAccounts,
    DatabaseEvents,
    DatabaseExpiry,
    DatabaseSeats,
    DatabaseTasks,
)
from soundmill.adapters.storage import DirectoryStorage
from soundmill.model.errors import NoRoom
from soundmill.service.ports import NamedFile, StoredFile
from soundmill.service.retention import Retention
from tests.builders import account, order

HOUR = timedelta(hours=1)


class Archive:
    """Tasks with real bytes, and what removes them."""

    def __init__(
        self, database: Database, root: Path, keep: timedelta | None, storage: DirectoryStorage | None = None
    ) -> None:
        self.root = root
        self.tasks = DatabaseTasks(database, queue_cap=100)
        self.storage = storage or DirectoryStorage(root, reserve_bytes=0)
        self.owner = account(database)
        accounts, events = DatabaseAccounts(database), DatabaseEvents(database)
        seats = DatabaseSeats(database)
        self.retention = Retention(DatabaseExpiry(database), accounts, self.tasks, events, seats, self.storage, keep)

    def stored(self) -> StoredFile:
        incoming = self.storage.create(1000)
        incoming.write(b"sound")
        return incoming.commit()

    def submit(self, *, ended: bool) -> str:
        task = self.tasks.submit(self.owner, [NamedFile("a.wav", self.stored())], (order("mp3"),))[0]
        if ended:
            self.tasks.cancel(self.owner, task.id)
        return task.source.key

    def files(self) -> set[str]:
        return {path.name for path in (self.root / "files").glob("*/*")}


def test_ended_tasks_go_after_their_time_with_their_bytes(database: Database, tmp_path: Path) -> None:
    archive = Archive(database, tmp_path, keep=-HOUR)
    for _ in range(3):
        archive.submit(ended=True)
    waiting = archive.submit(ended=False)
    assert archive.retention.expire_tasks() == 3
    assert archive.files() == {waiting}
    assert archive.retention.expire_tasks() == 0


class UnwritableDisk(DirectoryStorage):
    """Full: a file system that copies on writing has no room even for what deletes."""

    def delete(self, key: str) -> None:
        raise NoRoom("The storage is full.")


def test_what_a_full_disk_does_not_let_go_keeps_no_rows(database: Database, tmp_path: Path) -> None:
    archive = Archive(database, tmp_path, keep=-HOUR, storage=UnwritableDisk(tmp_path, reserve_bytes=0))
    key = archive.submit(ended=True)
    assert archive.retention.expire_tasks() == 0
    assert archive.files() == {key}
    assert archive.tasks.unknown([key]) == [key]  # as the janitor finds it


def test_young_ones_stay_and_so_do_all_where_nothing_expires(database: Database, tmp_path: Path) -> None:
    for keep in (HOUR, None):
        archive = Archive(database, tmp_path, keep)
        kept = archive.submit(ended=True)
        assert archive.retention.expire_tasks() == 0
        assert kept in archive.files()


def test_memory_that_is_of_no_use_is_dropped(database: Database, tmp_path: Path) -> None:
    archive = Archive(database, tmp_path, keep=None)
    archive.submit(ended=True)
    archive.retention.forget()
    assert len(DatabaseEvents(database).after({archive.owner: 0}, 10)) == 1
