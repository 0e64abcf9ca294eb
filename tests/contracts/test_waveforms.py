"""What is stored of waveforms (:class:`soundmill.service.ports.WaveformIndex`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from soundmill.adapters.database import Database, DatabaseBoard, DatabaseTasks, DatabaseWaveforms
from soundmill.model.errors import NotFound
from soundmill.model.tasks import RetryRule
from soundmill.model.waveform import Waveform
from soundmill.service.ports import FilesWaveforms
from tests.builders import REPORT, WAVEFORM, account, order, stored_file, submitted

OTHER = Waveform(44_100, 64, b"\x80\x7f")


class Archive:
    """Waveforms of one owner's tasks."""

    def __init__(self, database: Database) -> None:
        self.tasks = DatabaseTasks(database, queue_cap=100)
        self.board = DatabaseBoard(database, lease=timedelta(minutes=1), retries=RetryRule())
        self.owner, self.stranger = account(database), account(database)
        self.index = DatabaseWaveforms(database)

    def processed(self, result: Waveform | None = None) -> int:
        assignment = self.board.claim("worker")
        assert assignment is not None
        self.board.processed(assignment.attempt, stored_file(), replace(REPORT, result_waveform=result))
        return assignment.attempt.task_id

    def see(self, task_id: int) -> FilesWaveforms:
        return self.index.of_task(self.owner, task_id)


@pytest.fixture
def archive(database: Database) -> Archive:
    return Archive(database)


def test_a_result_looks_like_its_source_unless_it_was_edited(archive: Archive) -> None:
    submitted(archive.tasks, archive.owner, "mp3", "ogg")
    assert archive.see(archive.processed()) == FilesWaveforms(WAVEFORM, WAVEFORM)
    assert archive.see(archive.processed(OTHER)) == FilesWaveforms(WAVEFORM, OTHER)


def test_there_is_none_before_the_task_is_processed_and_the_old_one_goes_with_its_result(archive: Archive) -> None:
    task = submitted(archive.tasks, archive.owner)[0]
    assert archive.see(task.id) == FilesWaveforms(None, None)
    archive.processed(OTHER)
    archive.tasks.restart(archive.owner, task.id, order("ogg"))
    assert archive.see(task.id) == FilesWaveforms(WAVEFORM, None)
    archive.processed()
    assert archive.see(task.id) == FilesWaveforms(WAVEFORM, WAVEFORM)


def test_another_accounts_are_as_missing_ones(archive: Archive) -> None:
    task = submitted(archive.tasks, archive.owner)[0]
    archive.processed()
    for owner, task_id in ((archive.stranger, task.id), (archive.owner, task.id + 1)):
        with pytest.raises(NotFound, match="no such task"):
            archive.index.of_task(owner, task_id)
