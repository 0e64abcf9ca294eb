"""How many workers one API, one database and one storage feed: a closed queueing network with the costs that were measured in this run.

A file is uploaded (API, storage, database) and waits for a worker, who converts it while API, database and storage take his words and the result;
its client then uploads the next. So many clients come that nobody waits for work. Each service takes an exponentially
distributed time around the measured mean, so that queues are rather too long than too short.
"""

from __future__ import annotations

import math
import os
import random
import statistics
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import simpy
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.part import Part
from benchmarks.service import Round
from soundmill.engine import cores

WORKERS = tuple(range(1, 17))
_FILES = 3000
_CLIENTS_A_WORKER = 3
_SATURATED = 0.9
_SEED = 1


@dataclass(frozen=True, slots=True)
class Station:
    """Something that files need: so many seconds each, of one of so many servers."""

    name: str
    servers: int
    seconds: float

    @property
    def files_a_second(self) -> float:
        """At most."""
        return self.servers / self.seconds if self.seconds else math.inf


@dataclass(frozen=True, slots=True)
class Course:
    """What came of a simulation: the pace, and how busy each station was (0 to 1)."""

    files_a_second: float
    busy: dict[str, float]


class Simulation:
    """Stations that are shared, and ``workers`` who convert in ``conversion`` seconds a file on a core of their own."""

    def __init__(self, shared: Sequence[Station], conversion: float, workers: int, seed: int = _SEED) -> None:
        self._stations = (*shared, Station("worker", workers, conversion))
        self._clock = simpy.Environment()
        self._queues = {each.name: simpy.Resource(self._clock, each.servers) for each in self._stations}
        self._spent = dict.fromkeys(self._queues, 0.0)
        self._random = random.Random(seed)  # noqa: S311 - a simulation, no secret
        self._done = 0

    def run(self, files: int = _FILES) -> Course:
        """Until so many are converted."""
        end = self._clock.event()
        for _ in range(_CLIENTS_A_WORKER * self._stations[-1].servers + 1):
            self._clock.process(self._client(files, end))
        self._clock.run(end)
        passed = self._clock.now
        busy = {each.name: self._spent[each.name] / passed / each.servers for each in self._stations}
        return Course(self._done / passed, busy)

    def _client(self, files: int, end: simpy.Event) -> Generator[simpy.Event]:
        *shared, worker = self._stations
        while True:
            # Of what a file needs of the shared parts, half is for its upload and half for the worker's words and result.
            for station in shared:
                yield from self._served(station, station.seconds / 2)
            with self._queues[worker.name].request() as turn:
                yield turn
                yield self._work(worker, worker.seconds)
                for station in shared:
                    yield from self._served(station, station.seconds / 2)
            self._done += 1
            if self._done == files:
                end.succeed()

    def _served(self, station: Station, seconds: float) -> Generator[simpy.Event]:
        with self._queues[station.name].request() as turn:
            yield turn
            yield self._work(station, seconds)

    def _work(self, station: Station, mean: float) -> simpy.Event:
        seconds = self._random.expovariate(1 / mean) if mean else 0.0
        self._spent[station.name] += seconds
        return self._clock.timeout(seconds)


def scaling(rounds: list[Round]) -> Part:
    """Files a minute with 1 to 16 workers, and what is busy first: for short files and for songs."""
    part = Part("Workers from 1 to 16, simulated")
    figure = Figure(figsize=(9, 7), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    part.say(
        f"A queueing network with the costs of this run: an API and a database with {cores()} cores each, a broker with one, one storage, and workers with a core "
        f"each, on machines of their own. `benchmarks/scaling.py` says what is assumed."
    )
    for column, way in zip(panels.T, _ways(rounds), strict=True):
        taken = [each for each in rounds if (each.load.name, str(each.way)) == way]
        _say_one(part, taken, column)
    part.plot("benchmarks-scaling", figure, "Files a minute, and how busy each part is, against the number of workers")
    return part


def _ways(rounds: list[Round]) -> list[tuple[str, str]]:
    """The shortest and the longest that every run has."""
    wanted = [("clips", "wav → mp3"), ("songs", "wav → mp3")]
    return [each for each in wanted if any((found.load.name, str(found.way)) == each for found in rounds)]


def _say_one(part: Part, taken: list[Round], column: Sequence[Axes]) -> None:
    first = taken[0]
    name = f"{first.load.seconds:g} s, {first.way}"
    disk = statistics.median(_seconds_of_disk(first.source_bytes + first.result_bytes) for _ in taken)
    costs = [_costs(each, disk) for each in taken]
    courses = [[Simulation(*each, workers).run() for workers in WORKERS] for each in costs]
    gains = part.ratio(
        f"{name}, 16 workers by one",
        (course[-1].files_a_second / course[0].files_a_second for course in courses),
        more_is_better=True,
    )
    shared, conversion = costs[len(costs) // 2]
    typical = courses[len(courses) // 2]
    part.say(f"**{name}**: 16 workers convert {gains} times what one does. {_first_limit(shared, conversion, typical)}")
    part.table(
        ("", "servers", "ms a file", "files a minute at most"),
        [(each.name, each.servers, 1000 * each.seconds, 60 * each.files_a_second) for each in shared]
        + [("worker", "1 each", 1000 * conversion, 60 / conversion)],
    )
    _draw(column, name, typical)


def _costs(taken: Round, disk: float) -> tuple[tuple[Station, ...], float]:
    """Seconds a file of each shared part, and of a worker. Processor time, so work beside it on the machine changes little."""
    seconds = {name: spent / taken.load.files for name, spent in taken.parts.items()}
    shared = (
        Station("API", cores(), seconds["api"]),
        Station("storage", 1, disk),
        Station("database", cores(), seconds["postgresql"]),
        Station("broker", 1, seconds["redis"]),
    )
    return shared, seconds["worker"]


def _seconds_of_disk(size: int) -> float:
    """To write so many bytes as the storage does, synced, and to read them again."""
    block = os.urandom(1 << 20)
    with tempfile.TemporaryDirectory(prefix="soundmill-disk-", dir="/tmp") as directory:
        path = Path(directory) / "file"
        began = time.perf_counter()
        with path.open("wb") as file:
            for start in range(0, size, len(block)):
                file.write(block[: size - start])
            file.flush()
            os.fsync(file.fileno())
        with path.open("rb") as file:
            while file.read(len(block)):
                pass
        return time.perf_counter() - began


def _first_limit(shared: Sequence[Station], conversion: float, courses: Sequence[Course]) -> str:
    narrowest = min(shared, key=lambda each: each.files_a_second)
    enough = narrowest.files_a_second * conversion
    for workers, course in zip(WORKERS, courses, strict=True):
        if course.busy[narrowest.name] >= _SATURATED:
            return f"The {narrowest.name} saturates first: {course.busy[narrowest.name]:.0%} busy with {workers} workers; more bring little."
    return (
        f"Nothing saturates: with {WORKERS[-1]} workers the {narrowest.name}, which is the first to, is {courses[-1].busy[narrowest.name]:.0%} busy; it would feed "
        f"some {enough:.0f} workers."
    )


def _draw(column: Sequence[Axes], name: str, courses: Sequence[Course]) -> None:
    pace, busy = column
    pace.plot(WORKERS, [60 * each.files_a_second for each in courses], marker="o", label="simulated")
    single = 60 * courses[0].files_a_second
    pace.plot(
        WORKERS, [single * workers for workers in WORKERS], linestyle=":", color="gray", label="times one worker's"
    )
    pace.set(title=name, ylabel="files a minute", ylim=(0, None))
    for station in courses[0].busy:
        busy.plot(WORKERS, [100 * each.busy[station] for each in courses], marker=".", label=station)
    busy.set(xlabel="workers", ylabel="% busy", ylim=(0, 105))
    for axes in (pace, busy):
        axes.legend(fontsize="small")
        axes.grid(alpha=0.3)
