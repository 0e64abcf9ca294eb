"""What is asked of the service, each bounded in count and time."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loadtest.apache_benchmark import Measured, get, post
from loadtest.client import BOUNDARY, Client, multipart

CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
SLOWEST_MEAN_SECONDS, MOST_ERRORS = 1.5, 0.01
CONCURRENCIES = (1, 5, 10, 25, 50, 75, 100, 150, 200, 300, 400, 600)
_PATIENCE_SECONDS = 600


def uploads(client: Client, sound: Path, requests: int) -> Iterator[Measured]:
    """Scenario 1: rising concurrency until the mean passes 1.5 s or errors pass 1 %, up to what one ``ab`` can hold open."""
    body = multipart(sound, "mp3")
    for concurrency in CONCURRENCIES:
        count = max(requests, 2 * concurrency)
        measured = post(
            f"{client.url}/api/tasks", body, CONTENT_TYPE, client.token, requests=count, concurrency=concurrency
        )
        yield measured
        if measured.mean > SLOWEST_MEAN_SECONDS or measured.error_share > MOST_ERRORS:
            return


def lists(client: Client, requests: int = 1000) -> Measured:
    """Task lists: the newest ten, 50 at a time."""
    url = f"{client.url}/api/tasks?max=10&order=1"
    return get(url, client.token, requests=requests, concurrency=min(50, requests))


@dataclass(frozen=True, slots=True)
class Converted:
    """Scenario 2: verified results, and ``ffmpeg`` on the same file and cores in the same run. Files a minute."""

    files: int
    processed: int
    failed: int
    seconds: float
    ffmpeg_seconds: float

    @property
    def a_minute(self) -> float:
        """Verified results."""
        return 60 * self.processed / self.seconds

    @property
    def ffmpeg_a_minute(self) -> float:
        """The same files, unverified, by ``xargs -P`` with a process a core."""
        return 60 * self.files / self.ffmpeg_seconds


def conversions(client: Client, sound: Path, files: int) -> Converted:
    """Upload ``files`` of 5 MB at once and count what is processed: not what was accepted."""
    before = client.statuses()
    body = multipart(sound, "mp3")
    began = time.monotonic()
    accepted = post(
        f"{client.url}/api/tasks", body, CONTENT_TYPE, client.token, requests=files, concurrency=min(10, files)
    )
    while True:
        now = client.statuses() - before
        done = now["processed"] + now["failed"]
        if done >= accepted.requests - accepted.errors or time.monotonic() - began > _PATIENCE_SECONDS:
            break
        time.sleep(0.2)
    taken = time.monotonic() - began
    return Converted(files, now["processed"], now["failed"], taken, _by_ffmpeg(sound, files))


def _by_ffmpeg(sound: Path, files: int) -> float:
    """Seconds that bare ``ffmpeg`` takes, a process a core."""
    directory = sound.parent / "by ffmpeg"
    directory.mkdir()
    numbers = "\n".join(map(str, range(files)))
    command = ["xargs", "-P", str(os.cpu_count()), "-I{}", "ffmpeg", "-v", "error", "-nostdin", "-i", str(sound)]
    began = time.monotonic()
    subprocess.run([*command, "-b:a", "192k", str(directory / "{}.mp3")], input=numbers, text=True, check=True)
    taken = time.monotonic() - began
    shutil.rmtree(directory)
    return taken
