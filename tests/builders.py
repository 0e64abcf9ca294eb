"""Small values for tests that don't care about the rest of them."""

from __future__ import annotations

import itertools
from dataclasses import replace

from soundmill.adapters.database import Database, DatabaseAccounts, DatabaseTasks
from soundmill.model.formats import target_format
from soundmill.model.options import ConversionOptions
from soundmill.model.sound import ConversionReport, Hole, Loudness, SoundFacts
from soundmill.model.tasks import TaskView
from soundmill.model.waveform import Waveform
from soundmill.service.ports import NamedFile, Order, StoredFile

_numbers = itertools.count(1)

FACTS = SoundFacts(
    codec="flac",
    container="flac",
    duration=1.5,
    sample_rate=48_000,
    channels=2,
    channel_layout="stereo",
    sample_count=72_000,
    tags={"title": "Ω"},
    loudness=Loudness(-16.2, 5.1, -1.3),
    damage=(Hole(0.5, 0.104, filled=True), Hole(1.5, None, filled=False)),
)
WAVEFORM = Waveform(48_000, 256, bytes(range(200)))
REPORT = ConversionReport(
    FACTS,
    FACTS,
    not_carried=("cover",),
    versions={"ffmpeg": "9"},
    settings={"encoder": "flac", "sampleRate": 48_000},
    source_waveform=WAVEFORM,
    result_waveform=None,
)


REPORT_OF_JOINED = replace(REPORT, sources=tuple(replace(FACTS, duration=seconds) for seconds in (0.25, 0.5, 0.75)))


def stored_file() -> StoredFile:
    number = next(_numbers)
    return StoredFile(f"{number:032x}", 1000 + number, f"{number:064x}")


def order(name: str = "mp3", **options: object) -> Order:
    return Order(target_format(name), ConversionOptions(**options))  # type: ignore[arg-type]


def album(*names: str) -> list[NamedFile]:
    """Stored sources to be joined."""
    return [NamedFile(each, stored_file()) for each in names or ("one.wav", "two.flac", "one.wav")]


def account(database: Database) -> int:
    number = next(_numbers)
    added = DatabaseAccounts(database).add(f"user{number}", f"user{number}@example.org", "hash")
    return added.id


def submitted(tasks: DatabaseTasks, account_id: int, *formats: str, name: str = "song.wav") -> list[TaskView]:
    orders = tuple(order(each) for each in formats or ("mp3",))
    return tasks.submit(account_id, [NamedFile(name, stored_file())], orders)
