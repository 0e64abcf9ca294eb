"""Waveforms, beside the facts of the files that they are of."""

from __future__ import annotations

from sqlalchemy import select

from soundmill.adapters.database.connection import Database
from soundmill.adapters.database.schema import files, tasks
from soundmill.model.errors import NotFound
from soundmill.model.tasks import TaskStatus
from soundmill.model.waveform import Waveform
from soundmill.service.ports import FilesWaveforms


class DatabaseWaveforms:
    """Implements :class:`~soundmill.service.ports.WaveformIndex`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_task(self, account_id: int, task_id: int) -> FilesWaveforms:
        """See the port."""
        sources, results = files.alias(), files.alias()
        wanted = (
            select(tasks.c.status, sources.c.waveform.label("source"), results.c.waveform.label("result"))
            .join(sources, sources.c.id == tasks.c.source_id)
            .join(results, results.c.id == tasks.c.result_id)
            .where(tasks.c.id == task_id, tasks.c.account_id == account_id)
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        if row is None:
            raise NotFound("There is no such task.")
        source = None if row.source is None else Waveform.from_dict(row.source)
        if row.status != TaskStatus.PROCESSED:
            return FilesWaveforms(source, None)
        return FilesWaveforms(source, source if row.result is None else Waveform.from_dict(row.result))
