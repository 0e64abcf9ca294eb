"""What our users would type instead: ``ffmpeg``, a process a core, on the same file in the same run. It verifies nothing."""

from __future__ import annotations

import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from soundmill.engine import cores

_MP3 = ("-b:a", "192k")


@dataclass(frozen=True, slots=True)
class Spent:
    """What it took: seconds on the wall, and of all processors together."""

    seconds: float
    processor_seconds: float


def run_ffmpeg(sound: Path, files: int, extension: str = "mp3", arguments: Sequence[str] = _MP3) -> Spent:
    """Make ``files`` results of one sound, MP3s of 192 kbit/s unless said otherwise, and remove them."""
    directory = sound.parent / "by ffmpeg"
    directory.mkdir()
    numbers = "\n".join(map(str, range(files)))
    command = ["xargs", "-P", str(cores()), "-I{}", "ffmpeg", "-v", "error", "-nostdin", "-i", str(sound)]
    began, before = time.monotonic(), processor_seconds_of_children()
    subprocess.run([*command, *arguments, str(directory / f"{{}}.{extension}")], input=numbers, text=True, check=True)
    spent = Spent(time.monotonic() - began, processor_seconds_of_children() - before)
    shutil.rmtree(directory)
    return spent


def ffmpeg_version() -> str:
    """As it says itself."""
    told = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout
    return told.split()[2]


def processor_seconds_of_children() -> float:
    """Of all children of this process that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
