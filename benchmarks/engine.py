"""The engine beside the machine's ffmpeg, in turns on the same files: how many times as fast it is, verification included.

``make bench-engine`` takes some 25 minutes and writes ``benchmarks/results/engine.md``; ``--only`` measures a part and prints it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from queue import SimpleQueue

import av
import numpy as np
import soundfile

from benchmarks.part import Part, Scope
from loadtest.bare_ffmpeg import ffmpeg_version
from soundmill.engine import Job, Mill, cores
from soundmill.model.formats import FORMATS
from tests.sounds import RATE, music

_BLOCK_SECONDS = 10.0


RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Way:
    """A conversion, and what ffmpeg is told to make the same. ``source`` is an extension of ``_MADE_BY``."""

    source: str
    target: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"


_MADE_BY: dict[str, tuple[str, ...]] = {
    "mp3": ("-c:a", "libmp3lame", "-b:a", "192k"),
    "wav": ("-c:a", "pcm_s16le"),
    "ogg": ("-c:a", "libvorbis", "-q:a", "5"),
    "opus": ("-c:a", "libopus", "-b:a", "128k"),
    "m4a": ("-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart"),
    "wma": ("-c:a", "wmav2", "-b:a", "192k"),
    # Without it, what was lossy becomes 24 bits: three times the work.
    "flac": ("-c:a", "flac", "-sample_fmt", "s16"),
}
_COPY = ("-c:a", "copy")
_COPIES = (Way("m4a", "aac", _COPY), Way("opus", "webm", _COPY), Way("flac", "mka", _COPY))


def ways(sources: Iterable[str], targets: Iterable[str]) -> tuple[Way, ...]:
    """From each source to each other target."""
    pairs = product(sources, targets)
    return tuple(Way(source, target, _MADE_BY[target]) for source, target in pairs if source != target)


@dataclass(frozen=True)
class Load:
    """So many files of so many seconds each, converted in all these ways, so often on both sides."""

    name: str
    files: int
    seconds: float
    rounds: int
    ways: tuple[Way, ...]

    def __str__(self) -> str:
        return f"{self.files} × {self.seconds:g} s"


def loads(minutes: float) -> tuple[Load, ...]:
    """What is measured. Several files keep all cores busy on both sides; the long one is alone."""
    return (
        Load(
            "clips", 40 * cores(), 3, 3, ways(["wav"], ["mp3", "flac", "m4a", "opus", "ogg"]) + ways(["mp3"], ["wav"])
        ),
        Load("songs", cores(), 180, 3, ways(_MADE_BY, _MADE_BY)),
        Load("copies", 4 * cores(), 180, 5, _COPIES),
        Load("hour", 1, minutes * 60, 2, ways(["wav"], ["mp3", "ogg", "opus", "m4a", "flac"])),
    )


@dataclass(frozen=True)
class Compared:
    """Wall times of both, in seconds, in the order in which they were taken; ``checks`` are ffmpeg's for decoding its results."""

    load: Load
    way: Way
    ours: list[float]
    theirs: list[float]
    checks: list[float]

    @property
    def ratios(self) -> list[float]:
        """ffmpeg's times by ours."""
        return [slow / fast for slow, fast in zip(self.theirs, self.ours, strict=True)]

    @property
    def checked(self) -> float:
        """The median of the same where ffmpeg decodes its results, too."""
        times = zip(self.theirs, self.checks, self.ours, strict=True)
        return statistics.median((slow + check) / fast for slow, check, fast in times)

    def row(self) -> str:
        """For a table."""
        ratios = (statistics.median(self.ratios), min(self.ratios), max(self.ratios), self.checked)
        figures = " | ".join(f"{each:.2f}" for each in ratios)
        times = f"{statistics.median(self.ours):.2f} s | {statistics.median(self.theirs):.2f} s"
        return f"| {self.load} | {self.way} | {figures} | {times} |"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, help="how often each is measured on both sides (2 to 5)")
    parser.add_argument(
        "--only", nargs="+", choices=[each.name for each in loads(60)], help="parts; nothing is written"
    )
    parser.add_argument("--minutes", type=float, default=60, help="length of the long file (60)")
    given = parser.parse_args()
    began = time.monotonic()
    compared = []
    sys.stdout.write("\n".join(_head()) + "\n")
    wanted = (load for load in loads(given.minutes) if given.only is None or load.name in given.only)
    for each in measured(wanted, given.rounds):
        compared.append(each)
        sys.stdout.write(each.row() + "\n")
        sys.stdout.flush()
    page = [*_head(), *(each.row() for each in compared), "", *_means(compared), ""]
    sys.stdout.write("\n".join(["", *_means(compared), f"{time.monotonic() - began:.0f} s", ""]))
    if given.only is None:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "engine.md").write_text("\n".join(page))


def one_long_file(scope: Scope) -> Part:
    """In pieces on all cores beside ffmpeg's one process: ten minutes, or an hour."""
    part = Part("One long file beside ffmpeg")
    load = loads(60 if scope.is_long else 10)[-1]
    rows = []
    for each in measured([load], scope.rounds):
        ratio = part.ratio(f"{each.way}", each.ratios, more_is_better=True)
        rows.append((str(each.way), ratio, statistics.median(each.ours), statistics.median(each.theirs)))
    part.say(
        f"The engine alone, with all cores and verification, on {load.seconds / 60:g} minutes of music, beside one `ffmpeg`; ffmpeg's wall time by ours."
    )
    part.table(("conversion", "ratio", "soundmill s", "ffmpeg s"), rows)
    return part


def measured(loads: Iterable[Load], rounds: int | None = None) -> Iterator[Compared]:
    """Each way of each load, as often as ``rounds`` says or else the load."""
    with tempfile.TemporaryDirectory(prefix="soundmill-bench-") as directory, ExitStack() as stack:
        mills: SimpleQueue[Mill] = SimpleQueue()
        for _ in range(cores()):
            mills.put(stack.enter_context(Mill()))
        for load in loads:
            yield from _measure(load, Path(directory), mills, rounds or load.rounds)


def _head() -> list[str]:
    return [
        "# The engine beside ffmpeg",
        "",
        f"{cores()} cores, ffmpeg {ffmpeg_version()} with as many processes at a time (as `xargs -P{cores()}` has them),",
        f"soundmill with FFmpeg {av.ffmpeg_version_info} and verification. Both in turns on the same files;",
        "ratio: ffmpeg's wall time by ours, so more is better; both checked: ffmpeg decodes its results once, too (`-xerror -f null -`).",
        "",
        "| files | conversion | ratio, median | least | most | both checked | soundmill | ffmpeg |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]


def _means(compared: list[Compared]) -> list[str]:
    lines = []
    for name in dict.fromkeys(each.load.name for each in compared):
        medians = [statistics.median(each.ratios) for each in compared if each.load.name == name]
        slowest = min(
            (each for each in compared if each.load.name == name), key=lambda each: statistics.median(each.ratios)
        )
        lines.append(
            f"- {name}: geometric mean {statistics.geometric_mean(medians):.2f}, least {min(medians):.2f} ({slowest.way}), "
            f"{sum(each >= 1 for each in medians)} of {len(medians)} at 1.00 or more; "
            f"both checked: {statistics.geometric_mean(each.checked for each in compared if each.load.name == name):.2f}."
        )
    return lines


def _measure(load: Load, directory: Path, mills: SimpleQueue[Mill], rounds: int) -> Iterator[Compared]:
    wave = write_music(directory / f"{load.name}.wav", load.seconds)
    for way in load.ways:
        yield _compare(load, way, encoded(wave, way.source), mills, rounds)
    for made in directory.iterdir():
        made.unlink()


def _compare(load: Load, way: Way, source: Path, mills: SimpleQueue[Mill], rounds: int) -> Compared:
    encoders = cores() if load.files == 1 else 1
    compared = Compared(load, way, [], [], [])
    for _ in range(rounds):
        compared.ours.append(_seconds(load.files, lambda _: _convert(mills, source, way, encoders)))
        with tempfile.TemporaryDirectory() as directory:
            theirs = partial(_run_ffmpeg, source, way, Path(directory))
            compared.theirs.append(_seconds(load.files, theirs))
            compared.checks.append(_seconds(load.files, partial(_check, way, Path(directory))))
    return compared


def write_music(path: Path, seconds: float) -> Path:
    """As WAV, of any length: never whole in memory."""
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        left, seed = seconds, 0
        while left > 0:
            samples = music(min(left, _BLOCK_SECONDS), seed=seed)
            file.write(np.asarray(samples))
            left, seed = left - _BLOCK_SECONDS, seed + 1
    return path


def encoded(wave: Path, extension: str) -> Path:
    """The same beside it, made by ffmpeg at its first use."""
    path = wave.with_suffix(f".{extension}")
    if not path.exists():
        _ffmpeg("-i", wave, *_MADE_BY[extension], path)
    return path


def _seconds(files: int, convert: Callable[[int], None]) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(min(files, cores())) as pool:
        for each in [pool.submit(convert, number) for number in range(files)]:
            each.result()
    return time.perf_counter() - started


def _convert(mills: SimpleQueue[Mill], source: Path, way: Way, encoders: int) -> None:
    with _borrowed(mills) as mill, tempfile.TemporaryDirectory() as directory:
        job = Job(source, Path(directory), FORMATS[way.target], encoders=encoders, account="one")
        mill.convert(job, lambda fraction: True)


@contextmanager
def _borrowed(mills: SimpleQueue[Mill]) -> Iterator[Mill]:
    mill = mills.get()
    try:
        yield mill
    finally:
        mills.put(mill)


def _run_ffmpeg(source: Path, way: Way, directory: Path, number: int) -> None:
    _ffmpeg("-i", source, *way.arguments, directory / f"{number}.{way.target}")


def _check(way: Way, directory: Path, number: int) -> None:
    _ffmpeg("-xerror", "-i", directory / f"{number}.{way.target}", "-f", "null", "-")


def _ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments], check=True)


if __name__ == "__main__":
    main()
