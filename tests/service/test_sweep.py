"""The janitor makes good what crashes leave behind, and touches nothing else."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from soundmill.adapters.database import Database, DatabaseBoard, DatabaseIdentity, DatabaseTasks
from soundmill.adapters.storage import DirectoryMark, DirectoryStorage, DirectoryWorkbench
from soundmill.model.errors import ConfigurationError, Unreachable
from soundmill.model.tasks import Attempt, RetryRule, TaskStatus
from soundmill.service.belonging import Belonging
from soundmill.service.ports import NamedFile, StoredFile
from soundmill.service.sweep import Janitor, JanitorRule
from tests.builders import account, order

HOUR = timedelta(hours=1)


@dataclass
class CountingDoorbell:
    """A broker that keeps what it was sent, and of which some may be heard or lost."""

    messages: int = 0
    is_reachable: bool = True
    rung: list[int] = field(default_factory=list)

    def ring(self, task_ids: tuple[int, ...]) -> None:
        self.rung.append(len(task_ids))
        self.messages += len(task_ids)

    def unheard(self) -> int | None:
        if not self.is_reachable:
            raise Unreachable("The broker doesn't answer.")
        return self.messages


class Place:
    """A janitor with everything that it sweeps."""

    def __init__(self, database: Database, root: Path, rule: JanitorRule, lease: timedelta) -> None:
        self.root = root
        self.tasks = DatabaseTasks(database, queue_cap=1000)
        self.board = DatabaseBoard(database, lease=lease, retries=RetryRule())
        self.storage = DirectoryStorage(root, reserve_bytes=0)
        self.workbench = DirectoryWorkbench(root)
        self.doorbell = CountingDoorbell()
        self.owner = account(database)
        belonging = Belonging(DatabaseIdentity(database), DirectoryMark(root))
        belonging.establish()
        self.janitor = Janitor(self.board, self.tasks, self.storage, self.workbench, self.doorbell, belonging, rule)

    def stored(self) -> StoredFile:
        incoming = self.storage.create(1000)
        incoming.write(b"sound")
        return incoming.commit()

    def submit(self) -> int:
        return self.tasks.submit(self.owner, [NamedFile("a.wav", self.stored())], (order("mp3"),))[0].id

    def claim(self) -> Attempt:
        assignment = self.board.claim("worker")
        assert assignment is not None
        return assignment.attempt

    def files(self) -> set[str]:
        return {path.name for path in (self.root / "files").glob("*/*")}


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Place:
    rule = JanitorRule(ring_after=timedelta(0), orphan_age=HOUR, scratch_age=HOUR)
    return Place(database, tmp_path / "data", rule, lease=HOUR)


@pytest.fixture
def hasty(database: Database, tmp_path: Path) -> Place:
    """Whose leases are over as they begin, and who finds everything old."""
    rule = JanitorRule(ring_after=timedelta(0), orphan_age=-HOUR, scratch_age=-HOUR)
    return Place(database, tmp_path / "data", rule, lease=-HOUR)


def test_an_expired_lease_is_due_again_and_rung_for(hasty: Place) -> None:
    task_id = hasty.submit()
    hasty.claim()
    assert hasty.janitor.sweep_leases() == 1
    assert hasty.tasks.get(hasty.owner, task_id).status is TaskStatus.UPLOADED
    assert hasty.doorbell.rung == [1]
    assert hasty.janitor.sweep_leases() == 0


def test_lost_messages_are_sent_again_and_no_more_than_tasks_wait(place: Place) -> None:
    for _ in range(5):
        place.submit()
    place.doorbell.messages = 2
    assert place.janitor.sweep_rings() == 3
    assert place.janitor.sweep_rings() == 0
    place.doorbell.messages = 0
    assert place.janitor.sweep_rings() == 5


def test_nothing_is_rung_while_nothing_waits(place: Place) -> None:
    place.submit()
    place.claim()
    assert place.janitor.sweep_rings() == 0
    assert place.doorbell.rung == []


def test_a_broker_that_is_gone_is_told(place: Place) -> None:
    place.submit()
    place.doorbell.is_reachable = False
    with pytest.raises(Unreachable):
        place.janitor.sweep_rings()


def test_files_without_a_row_go_and_those_with_one_stay(hasty: Place) -> None:
    task_id = hasty.submit()
    kept = hasty.files()
    orphan = hasty.stored()
    broken_off = hasty.storage.create(1000)
    broken_off.write(b"half")
    assert hasty.janitor.sweep_files() == 2
    assert hasty.files() == kept
    assert orphan.key not in kept
    assert not any((hasty.root / "incoming").iterdir())
    assert hasty.tasks.get(hasty.owner, task_id).source.key in kept


def test_every_joined_source_has_a_row_and_stays(hasty: Place) -> None:
    sources = [NamedFile(each, hasty.stored()) for each in ("a.wav", "b.wav", "c.wav")]
    hasty.tasks.submit(hasty.owner, sources, (order("mp3", join=True),))
    assert hasty.janitor.sweep_files() == 0
    assert hasty.files() == {each.stored.key for each in sources}


def test_a_janitor_of_another_database_touches_nothing(hasty: Place, tmp_path: Path) -> None:
    hasty.stored()
    (hasty.root / "storage-id").write_text("0" * 32)
    with pytest.raises(ConfigurationError):
        hasty.janitor.sweep_files()
    assert len(hasty.files()) == 1


def test_what_is_young_stays(place: Place) -> None:
    place.stored()
    place.storage.create(1000).write(b"half")
    with place.workbench.scratch(Attempt(5, 1)):
        assert place.janitor.sweep_files() == 0
        assert len(place.files()) == 1


def test_the_scratch_of_a_dead_attempt_goes_and_that_of_a_live_one_stays(database: Database, tmp_path: Path) -> None:
    rule = JanitorRule(orphan_age=HOUR, scratch_age=timedelta(minutes=1))
    place = Place(database, tmp_path / "data", rule, lease=HOUR)
    place.submit()
    live, dead = place.claim(), Attempt(place.submit(), 7)
    for attempt in (live, dead):
        directory = place.root / "scratch" / f"{attempt.task_id}-{attempt.number}"
        directory.mkdir()
        old = time.time() - 3600
        os.utime(directory, (old, old))
    assert place.janitor.sweep_files() == 1
    assert [path.name for path in (place.root / "scratch").iterdir()] == [f"{live.task_id}-{live.number}"]
