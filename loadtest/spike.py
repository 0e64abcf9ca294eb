"""Scenario 4: very many short files at once. What was accepted is processed, others are served meanwhile, and all is quiet afterwards."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from loadtest.apache_benchmark import Measured, post
from loadtest.client import FINAL, Client, multipart, seconds_to_the_end, sound_file
from loadtest.conversions import percentile, wait_for_all
from loadtest.monitor import Monitor, show_samples
from loadtest.sections import Section
from loadtest.uploads import CONTENT_TYPE

_CONCURRENCY = 50
_CLIP_SECONDS = 3
_PATIENCE_SECONDS = 3600
# Of somebody who has one short file converted.
_LONGEST_WAIT_SECONDS = 600


class _Bystander:
    """Another account, which has one file converted every few seconds. Nothing of it is left."""

    def __init__(self, url: str, clip: Path) -> None:
        self._client = Client.signed_up(url)
        self._clip = clip.read_bytes()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live)
        self.waits: list[float | None] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        with suppress(httpx.HTTPError):  # what is wrong with the service is told by its figures
            self._client.delete_after(0)

    def _live(self) -> None:
        with self._client.connection() as client:
            while not self._stop.wait(2):
                self.waits.append(convert_one(client, self._clip))


def convert_one(client: httpx.Client, clip: bytes) -> float | None:
    """Seconds from the upload's beginning to the result; nothing where there is none within ten minutes."""
    began = time.monotonic()
    form = {"newFormat": "mp3"}
    try:
        task = client.post("/api/tasks", data=form, files={"fileName": ("clip.wav", clip)}).raise_for_status().json()
        while task["status"] not in FINAL and time.monotonic() - began < _LONGEST_WAIT_SECONDS:
            task = client.get(f"/api/tasks/{task['id']}/wait").raise_for_status().json()
    except httpx.HTTPError:
        return None
    return time.monotonic() - began if task["status"] == "processed" else None


@dataclass(frozen=True, slots=True)
class _Course:
    """What happened, in seconds."""

    sent: Measured
    uploaded: float
    taken: float
    tasks: list[dict[str, Any]]
    bystander: list[float | None]
    afterwards: list[float | None]


def spike(client: Client, directory: Path, files: int, monitor: Monitor) -> Section:
    """``files`` clips of three seconds, as fast as they are taken."""
    clip = sound_file(directory, _CLIP_SECONDS)
    body = multipart(clip, "mp3")
    start = client.newest()
    with monitor.watching() as samples:
        began = time.monotonic()
        with _Bystander(client.url, clip) as bystander:
            url = f"{client.url}/api/tasks"
            sent = post(url, body, CONTENT_TYPE, client.token, requests=files, concurrency=min(_CONCURRENCY, files))
            uploaded = time.monotonic() - began
            wait_for_all(client, start, _PATIENCE_SECONDS)
            taken = time.monotonic() - began
        tasks = client.tasks(start)
        with client.connection() as connection:
            afterwards = [convert_one(connection, clip.read_bytes()) for _ in range(5)]
    section = _told(files, _Course(sent, uploaded, taken, tasks, bystander.waits, afterwards))
    show_samples(section, samples, "loadtest-spike", "during the spike")
    return section


def _told(files: int, course: _Course) -> Section:
    statuses = Counter(task["status"] for task in course.tasks)
    ends = [seconds_to_the_end(task) for task in course.tasks if task["status"] == "processed"]
    a_minute = 60 * statuses["processed"] / course.taken
    section = Section(f"Scenario 4: {files:,} clips of {_CLIP_SECONDS} s at once")
    section.say(
        f"Sent within {course.uploaded:.0f} s ({course.sent.per_second:.0f} a second), {course.sent.errors} errors, {len(course.tasks):,} accepted; of these "
        f"**{statuses['processed']:,} processed**, {statuses['failed']} failed, {statuses['uploaded'] + statuses['processing']} not ended, within {course.taken:.0f} s: "
        f"{a_minute:.0f} files a minute."
    )
    waits = {
        "the spike's own": ends,
        f"another account meanwhile, {len(course.bystander)} files one by one": _waited(course.bystander),
        "after the spike, one by one": _waited(course.afterwards),
    }
    section.table(
        ("seconds from the request to the result", "median", "95 %", "longest"),
        [
            (name, percentile(seconds, 50), percentile(seconds, 95), percentile(seconds, 100))
            for name, seconds in waits.items()
        ],
    )
    if lost := [*course.bystander, *course.afterwards].count(None):
        section.say(f"**{lost}** of the files one by one were not processed: counted as {_LONGEST_WAIT_SECONDS} s.")
    section.measure("clips a minute in a spike", a_minute, "1/min", more_is_better=True)
    section.measure(
        "another account's median meanwhile", percentile(_waited(course.bystander), 50), "s", more_is_better=False
    )
    return section


def _waited(waits: list[float | None]) -> list[float]:
    """In seconds; whose result never came has waited longest."""
    return [float(_LONGEST_WAIT_SECONDS) if each is None else each for each in waits]
