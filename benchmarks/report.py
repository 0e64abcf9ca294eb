"""The report of a run: Markdown with plots, and its ratios as JSON beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.part import Part
from benchmarks.record import Record, write_record
from loadtest.bare_ffmpeg import ffmpeg_version
from loadtest.machine import machine
from loadtest.sections import Section, written

NAME = "benchmarks"


def describe(parts: Sequence[Part], load: tuple[float, ...], *, is_long: bool) -> Record:
    """The run's record; ``load`` is the machine's before it."""
    ratios = {ratio.name: ratio for part in parts for ratio in part.ratios}
    date, where = f"{datetime.now(UTC):%Y-%m-%d}", f"{machine()}, ffmpeg {ffmpeg_version()}"
    return Record(date, where, load, ratios, is_long)


def write_report(directory: Path, parts: Sequence[Part], record: Record, command: str) -> Path:
    """Writes ``benchmarks.md``, ``.json`` and the plots into ``directory``; gives the Markdown."""
    directory.mkdir(parents=True, exist_ok=True)
    averages = ", ".join(f"{each:.1f}" for each in record.load)
    head = Section("")
    head.say("# Benchmarks")
    head.say(
        f"{record.date}, {record.machine}. The machine's load before (1, 5 and 15 minutes): {averages}; where that isn't near 0, mind ratios of "
        f"processor time and not of wall time. `{command}`"
    )
    head.say(
        "What stands side by side was measured in turns in this run; a ratio is the median of the rounds, with their range. Rounds and ratios are in "
        f"[{NAME}.json]({NAME}.json), the baseline of `make bench-compare`."
    )
    lines = [*head.lines, *written(parts, directory)]
    page = directory / f"{NAME}.md"
    page.write_text("\n".join(lines).rstrip() + "\n")
    write_record(directory / f"{NAME}.json", record)
    return page
