"""The service end to end beside ``ffmpeg`` by ``xargs``: upload, queue, conversion, verification, result; and what each part of it costs."""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.engine import Load, Way, encoded, ways, write_music
from benchmarks.part import Part, Scope
from loadtest.apache_benchmark import post
from loadtest.bare_ffmpeg import Spent, run_ffmpeg
from loadtest.client import Client, multipart
from loadtest.conversions import wait_for_all
from loadtest.fleet import parts_of, running_fleet
from loadtest.monitor import processor_seconds
from loadtest.uploads import CONTENT_TYPE
from soundmill.engine import cores
from tests.chaos.cluster import Cluster

_LONGEST_SECONDS = 3600
_ORIGINALS = ("mp3", "wav", "ogg", "m4a", "wma")
_SONGS = ways(["wav"], ["mp3", "m4a", "flac"]) + ways(["mp3"], ["wav", "ogg"])
_HOURS = ways(["flac"], ["mp3"]) + ways(["mp3"], ["wav", "ogg"])


@dataclass(frozen=True, slots=True)
class Round:
    """One load through the service, and through ffmpeg right after it; ``parts`` is the processor time of each part of the service, in seconds."""

    load: Load
    way: Way
    source_bytes: int
    result_bytes: int
    seconds: float
    parts: dict[str, float]
    ffmpeg: Spent


def rounds_of(scope: Scope) -> list[Round]:
    """Every load in every way, as often as the scope says."""
    with tempfile.TemporaryDirectory(prefix="soundmill-service-", dir="/tmp") as name, running_fleet() as cluster:
        client = Client.signed_up(cluster.api_urls[0])
        return [each for load in _loads(scope) for each in _measured(load, Path(name), client, cluster, scope.rounds)]


def end_to_end(rounds: list[Round]) -> Part:
    """Ratios of wall and of processor times, ffmpeg's by ours: more is better."""
    part = Part("The service beside ffmpeg")
    part.say(
        f"A fleet on loopback: PostgreSQL, Redis, an API with a process a core, a worker with {cores()} children. Seconds from the first byte of the first upload to the "
        f"last verified result, beside `xargs -P {cores()} ffmpeg` on the same file, which uploads and verifies nothing. All on the same cores, "
        f"with `ab`, which uploads. The second ratio is of processor time and knows nothing of other work on the machine."
    )
    by_way: dict[tuple[Load, Way], list[Round]] = {}
    for each in rounds:
        by_way.setdefault((each.load, each.way), []).append(each)
    rows = []
    for (load, way), taken in by_way.items():
        name = f"{load}, {way}"
        wall = part.ratio(name, (each.ffmpeg.seconds / each.seconds for each in taken), more_is_better=True)
        processor = part.ratio(
            f"{name}, processor time",
            (each.ffmpeg.processor_seconds / sum(each.parts.values()) for each in taken),
            more_is_better=True,
        )
        a_minute = statistics.median(60 * load.files / each.seconds for each in taken)
        of_ffmpeg = statistics.median(60 * load.files / each.ffmpeg.seconds for each in taken)
        rows.append((str(load), str(way), a_minute, of_ffmpeg, wall, processor))
    part.table(("files", "conversion", "files a minute", "ffmpeg's", "ratio", "ratio of processor time"), rows)
    return part


def _loads(scope: Scope) -> tuple[Load, ...]:
    clips = Load("clips", 10 * cores(), 3, scope.rounds, ways(_ORIGINALS, _ORIGINALS))
    songs = Load("songs", 2 * cores(), 180, scope.rounds, _SONGS)
    hours = Load("hours", cores(), 3600, scope.rounds, _HOURS)
    return (clips, songs, hours) if scope.is_long else (clips, songs)


def _measured(load: Load, directory: Path, client: Client, cluster: Cluster, rounds: int) -> Iterator[Round]:
    home = directory / load.name
    home.mkdir()
    wave = write_music(home / "music.wav", load.seconds)
    for way in load.ways:
        sound = encoded(wave, way.source)
        for _ in range(rounds):
            taken = _round(load, way, sound, client, cluster)
            sys.stderr.write(f"{load}, {way}: {taken.seconds:.1f} s, ffmpeg {taken.ffmpeg.seconds:.1f} s\n")
            yield taken
    shutil.rmtree(home)


def _round(load: Load, way: Way, sound: Path, client: Client, cluster: Cluster) -> Round:
    body = multipart(sound, way.target)
    first = client.newest()
    before, began = processor_seconds(parts_of(cluster)), time.time()
    url, at_once = f"{client.url}/api/tasks", min(10, load.files)
    post(url, body, CONTENT_TYPE, client.token, requests=load.files, concurrency=at_once)
    wait_for_all(client, first, _LONGEST_SECONDS)
    spent = processor_seconds(parts_of(cluster))
    tasks = client.tasks(first)
    unwell = [task for task in tasks if task["status"] != "processed"]
    if unwell or len(tasks) != load.files:
        raise RuntimeError(f"{way}: {len(tasks)} of {load.files} accepted, not processed: {unwell[:1]}")
    # The service's clock is this machine's, and finer than our looks.
    ended = max(datetime.fromisoformat(task["finishedAt"]).timestamp() for task in tasks)
    client.delete_after(first)
    return Round(
        load,
        way,
        sound.stat().st_size,
        tasks[0]["result"]["size"],
        ended - began,
        {part: spent[part] - before[part] for part in spent},
        run_ffmpeg(sound, load.files, way.target, way.arguments),
    )
