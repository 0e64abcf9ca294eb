"""The engine beside the machine's ffmpeg, in turns on the same files: how many times as fast it is, verification included.

``python -m benchmarks.engine [--pairs N] [--only clips|songs|hour] [--minutes M]``
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import soundfile

from soundmill.engine import Job, Mill, cores
from soundmill.model.formats import FORMATS
from tests.sounds import RATE, music

_BLOCK_SECONDS = 10.0


@dataclass(frozen=True)
class Way:
    """A conversion, and what ffmpeg is told to make the same. Where it is a copy, the source is made by ffmpeg first."""

    source: str
    target: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"


_MP3 = Way("wav", "mp3", ("-c:a", "libmp3lame", "-b:a", "192k"))
_M4A = Way("wav", "m4a", ("-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart"))
_OPUS = Way("wav", "opus", ("-c:a", "libopus", "-b:a", "128k"))
_FLAC = Way("wav", "flac", ("-c:a", "flac"))
_OGG = Way("wav", "ogg", ("-c:a", "libvorbis", "-q:a", "5"))
_WAV = Way("mp3", "wav", ("-c:a", "pcm_s16le"))
_COPY = Way("m4a", "aac", ("-c:a", "copy"))


@dataclass(frozen=True)
class Load:
    """So many files of so many seconds each, converted in all these ways."""

    name: str
    files: int
    seconds: float
    ways: tuple[Way, ...]


def loads(minutes: float) -> tuple[Load, ...]:
    """What is measured. Several files keep all cores busy on both sides; the long one is alone."""
    return (
        Load("clips", 40 * cores(), 3, (_MP3, _WAV, _FLAC, _M4A, _OPUS, _COPY)),
        Load("songs", 2 * cores(), 180, (_MP3, _WAV, _FLAC, _M4A, _OPUS, _OGG, _COPY)),
        Load("hour", 1, minutes * 60, (_MP3, _FLAC, _M4A, _OPUS)),
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="how often each is measured on both sides (5)")
    parser.add_argument("--only", choices=["clips", "songs", "hour"], help="one kind of file")
    parser.add_argument("--minutes", type=float, default=60, help="length of the long file (60)")
    given = parser.parse_args()
    ffmpeg = subprocess.run(["ffmpeg", "-version"], check=True, capture_output=True, text=True).stdout.split()[2]
    print(
        f"{cores()} cores, ffmpeg {ffmpeg}, {given.pairs} pairs; ratio: ffmpeg's wall time by ours, so more is better"
    )
    print(f"{'files':<22}{'conversion':<14}{'median':>7}{'least':>7}{'most':>7}{'ours':>9}{'ffmpeg':>9}")
    with tempfile.TemporaryDirectory(prefix="soundmill-bench-") as directory, ExitStack() as stack:
        mills: SimpleQueue[Mill] = SimpleQueue()
        for _ in range(cores()):
            mills.put(stack.enter_context(Mill()))
        for load in loads(given.minutes):
            if given.only in (None, load.name):
                _measure(load, Path(directory), mills, given.pairs)


def _measure(load: Load, directory: Path, mills: SimpleQueue[Mill], pairs: int) -> None:
    wave = _write_music(directory / f"{load.name}.wav", load.seconds)
    for way in load.ways:
        _compare(load, way, _encoded(wave, way.source), mills, pairs)
    for made in directory.iterdir():
        made.unlink()


def _compare(load: Load, way: Way, source: Path, mills: SimpleQueue[Mill], pairs: int) -> None:
    encoders = cores() if load.files == 1 else 1
    ours, theirs = [], []
    for _ in range(pairs):
        ours.append(_seconds(load.files, lambda: _convert(mills, source, way, encoders)))
        theirs.append(_seconds(load.files, lambda: _run_ffmpeg(source, way)))
    ratios = [slow / fast for slow, fast in zip(theirs, ours, strict=True)]
    files = f"{load.files} × {load.seconds:g} s"
    figures = "".join(f"{each:7.2f}" for each in (statistics.median(ratios), min(ratios), max(ratios)))
    times = f"{statistics.median(ours):7.2f} s{statistics.median(theirs):7.2f} s"
    print(f"{files:<22}{way!s:<14}{figures}{times}", flush=True)


def _write_music(path: Path, seconds: float) -> Path:
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        left, seed = seconds, 0
        while left > 0:
            samples = music(min(left, _BLOCK_SECONDS), seed=seed)
            file.write(np.asarray(samples))
            left, seed = left - _BLOCK_SECONDS, seed + 1
    return path


def _encoded(wave: Path, extension: str) -> Path:
    path = wave.with_suffix(f".{extension}")
    if not path.exists():
        _ffmpeg(wave, path)
    return path


def _seconds(files: int, convert: Callable[[], None]) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(min(files, cores())) as pool:
        for each in [pool.submit(convert) for _ in range(files)]:
            each.result()
    return time.perf_counter() - started


def _convert(mills: SimpleQueue[Mill], source: Path, way: Way, encoders: int) -> None:
    with _borrowed(mills) as mill, tempfile.TemporaryDirectory() as directory:
        job = Job(source, Path(directory), FORMATS[way.target], encoders=encoders)
        mill.convert(job, lambda fraction: True)


@contextmanager
def _borrowed(mills: SimpleQueue[Mill]) -> Iterator[Mill]:
    mill = mills.get()
    try:
        yield mill
    finally:
        mills.put(mill)


def _run_ffmpeg(source: Path, way: Way) -> None:
    with tempfile.TemporaryDirectory() as directory:
        _ffmpeg(source, *way.arguments, Path(directory) / f"result.{way.target}")


def _ffmpeg(source: Path, *arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", source, *arguments], check=True)


if __name__ == "__main__":
    main()
