"""What a conversion needs of memory while it goes on, for files of 3 minutes to 24 hours.

``make bench-long`` writes ``benchmarks/results/long.md`` and ``long.svg``. Options: ``--hours``, ``--formats``, ``--rate``, ``--channels``.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib as mpl
import psutil
import soundfile

from benchmarks.part import Part, Scope
from soundmill.engine import Job, Mill, cores
from soundmill.model.formats import FORMATS
from tests.engine.mills import conversions
from tests.sounds import music

mpl.use("svg")
import matplotlib.pyplot as plt

RESULTS = Path(__file__).with_name("results")
_HOURS = (0.05, 1.0, 6.0, 24.0)
_FORMATS = ("mp3", "flac", "opus")
_BLOCK_SECONDS = 600
_MIB = 1 << 20
_SPEECH_RATE = 16_000


@dataclass
class Run:
    """One conversion: the processes' memory together, in MiB, at seconds since its begin."""

    hours: float
    target: str
    source_bytes: int
    seconds: float = 0.0
    result_bytes: int = 0
    at: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    proportional: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, nargs="+", default=_HOURS)
    parser.add_argument("--formats", nargs="+", default=_FORMATS, choices=sorted(FORMATS))
    parser.add_argument("--rate", type=int, default=44_100, help="samples a second of the source (44100)")
    parser.add_argument("--channels", type=int, default=2)
    given = parser.parse_args()
    runs = []
    with tempfile.TemporaryDirectory(prefix="soundmill-long-") as name:
        for hours in given.hours:
            source = _source(Path(name), hours, given.rate, given.channels)
            for target in given.formats:
                runs.append(run := _measure(source, hours, target, Path(name)))
                sys.stdout.write(_row(run) + "\n")
                sys.stdout.flush()
                _write(runs, given.rate, given.channels)  # hours of work: what is measured stays
            source.unlink()


def memory_by_length(scope: Scope) -> Part:
    """What an hour needs by what three minutes need (a day in the long form), in turns."""
    part = Part("Memory by the file's length")
    lengths = (_HOURS[0], _HOURS[-1] if scope.is_long else _HOURS[1])
    rows = []
    with tempfile.TemporaryDirectory(prefix="soundmill-long-") as name:
        sources = {}
        for hours in lengths:
            (directory := Path(name) / f"{hours:g}").mkdir()
            sources[hours] = _source(directory, hours, _SPEECH_RATE, 1)
        for target in _FORMATS:
            peaks: dict[float, list[float]] = {hours: [] for hours in lengths}
            for _ in range(scope.rounds):
                for hours in lengths:
                    peaks[hours].append(max(_measure(sources[hours], hours, target, Path(name)).proportional))
            short, long = (peaks[hours] for hours in lengths)
            quotients = (much / little for much, little in zip(long, short, strict=True))
            ratio = part.ratio(
                f"{target}, peak of {lengths[1]:g} h by {lengths[0]:g} h", quotients, more_is_better=False
            )
            rows.append((target, statistics.median(short), statistics.median(long), ratio))
    part.say(
        f"Most memory (PSS) of all processes of a conversion, in MiB, from {_SPEECH_RATE} Hz mono. What is long enough is encoded in pieces by a process a core, "
        f"so {lengths[0]:g} h may need less; beyond that length changes nothing."
    )
    part.table(("to", f"{lengths[0]:g} h", f"{lengths[1]:g} h", "ratio"), rows)
    return part


def _source(directory: Path, hours: float, rate: int, channels: int) -> Path:
    """Music, the same ten minutes again and again. RF64, as WAV ends at 4 GB."""
    path = directory / "source.wav"
    block = music(_BLOCK_SECONDS, rate, channels)
    left = round(hours * 3600 * rate)
    with soundfile.SoundFile(path, "w", rate, channels, "PCM_16", format="RF64") as file:
        while left > 0:
            file.write(block[:left])
            left -= len(block)
    return path


def _measure(source: Path, hours: float, target: str, directory: Path) -> Run:
    run = Run(hours, target, source.stat().st_size)
    # A server of its own: what an earlier conversion left in the heap isn't this one's.
    with Mill() as mill, tempfile.TemporaryDirectory(dir=directory) as work:
        began = time.monotonic()

        job = Job(source, Path(work), FORMATS[target], encoders=cores())
        # Its own word, four times a second, would come after the end of a short one.
        with ThreadPoolExecutor(1) as pool:
            converting = pool.submit(mill.convert, job, lambda fraction: True)
            while not wait([converting], _pause(time.monotonic() - began)).done:
                memory = _memory()
                if memory is not None:
                    run.at.append(time.monotonic() - began)
                    run.resident.append(memory[0] / _MIB)
                    run.proportional.append(memory[1] / _MIB)
            made = converting.result()
        run.seconds = time.monotonic() - began
        run.result_bytes = made.path.stat().st_size
    return run


def _pause(so_far: float) -> float:
    """Until the next look: short ones are over in a moment, long ones shan't fill the plot."""
    return min(0.25, max(0.02, so_far / 20))


def _memory() -> tuple[int, int] | None:
    """Resident and proportional bytes of the conversion's processes; nothing while there are none."""
    resident = proportional = 0
    for process in conversions():
        with suppress(psutil.NoSuchProcess):
            info = process.memory_full_info()
            resident, proportional = resident + info.rss, proportional + info.pss
    return (resident, proportional) if resident else None


def _row(run: Run) -> str:
    sizes = f"{run.source_bytes / 1e6:,.0f} MB → {run.result_bytes / 1e6:,.0f} MB"
    speed = f"{run.hours * 3600 / run.seconds:,.0f} ×"
    last = run.proportional[len(run.proportional) // 2 :]
    figures = (max(run.resident), max(run.proportional), sum(last) / len(last))
    return f"| {run.hours:g} h | {run.target} | {sizes} | {run.seconds:,.0f} s ({speed}) | " + " | ".join(
        f"{each:.0f}" for each in figures
    )


def _write(runs: list[Run], rate: int, channels: int) -> None:
    RESULTS.mkdir(exist_ok=True)
    lines = [
        "# What a long file needs of memory",
        "",
        f"{cores()} cores, Python {platform.python_version()}; {rate} Hz, {channels} channel(s), 16 bits.",
        "All processes of a conversion together, four times a second.",
        "",
        "RSS counts pages that they share once for each, PSS once for all. Files that are read and written are in the page cache, which is nobody's.",
        "",
        "MP4 (M4A, ALAC) isn't among them: it keeps a table of all packets to its end, 73 bytes each: 11 MB for an hour of AAC at 44.1 kHz.",
        "",
        "| length | to | bytes | time (× real time) | most RSS, MiB | most PSS, MiB | mean PSS of the second half, MiB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(_row(run) + " |" for run in runs),
        "",
        "![Memory over the time of the conversion](long.svg)",
        "",
    ]
    targets = list(dict.fromkeys(run.target for run in runs))
    figure, panels = plt.subplots(1, len(targets), figsize=(4 * len(targets), 3.5), sharey=True, squeeze=False)
    for target, axes in zip(targets, panels[0], strict=True):
        for run in runs:
            if run.target == target:
                axes.plot([at / run.seconds for at in run.at], run.proportional, label=f"{run.hours:g} h", linewidth=1)
        axes.set(title=target, xlabel="part of its time")
        axes.grid(alpha=0.3)
    # Of axes that are shared, and now: before all is drawn the first one's lines would set the top of all.
    panels[0][0].set(ylabel="PSS, MiB", ylim=(0, None))
    panels[0][0].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(RESULTS / "long.svg", metadata={"Date": None})
    plt.close(figure)
    (RESULTS / "long.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
