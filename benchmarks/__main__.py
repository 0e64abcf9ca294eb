"""``make bench``: all that is measured side by side, in one report. ``make bench-compare``: what got slower since."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.compare import as_markdown, compare, is_slower
from benchmarks.engine import one_long_file
from benchmarks.help import help_of_the_fleet
from benchmarks.listing import listing
from benchmarks.longfile import memory_by_length
from benchmarks.part import Part, Scope
from benchmarks.record import Record, read_record
from benchmarks.report import NAME, describe, write_report
from benchmarks.scaling import scaling
from benchmarks.service import end_to_end, rounds_of
from benchmarks.transfer import beside_nginx

_REPORTS = Path(__file__).parents[1] / "docs" / "reports"
_ALONE = {
    "file": one_long_file,
    "help": help_of_the_fleet,
    "transfer": beside_nginx,
    "rows": listing,
    "memory": memory_by_length,
}
_PARTS = ("service", *_ALONE, "workers")
_UNLIKE = "benchmarks: one of both runs is --long, the other isn't: that can't be compared."


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write, or measure and compare. Gives the exit status: 1 when something got slower by more than noise."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.figures and not given.compare:
        parser.error("--figures are for --compare")
    baseline = _read(given.baseline) if given.compare else None
    if baseline and given.figures:
        return _compared(baseline, _read(given.figures))
    if baseline and baseline.is_long != given.long:
        raise SystemExit(_UNLIKE)
    load = os.getloadavg()
    parts = list(_measured(given.parts or _PARTS, Scope(given.rounds, given.long)))
    record = describe(parts, load, is_long=given.long)
    # Some parts alone don't replace the whole.
    directory = given.report or (None if given.parts or given.compare else _REPORTS)
    if directory:
        command = " ".join(["python -m benchmarks", *(sys.argv[1:] if arguments is None else arguments)])
        write_report(directory, parts, record, command)
    return _compared(baseline, record) if baseline else 0


def _read(figures: Path) -> Record:
    try:
        return read_record(figures)
    except (OSError, ValueError) as error:
        raise SystemExit(f"benchmarks: {figures} can't be read: {error}. `make bench` writes a baseline.") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(_PARTS)}; all unless said")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--long", action="store_true", help="hours of sound, too: for a night")
    parser.add_argument(
        "--report", type=Path, help="directory of the report (docs/reports; some parts alone are only printed)"
    )
    parser.add_argument(
        "--compare", action="store_true", help="say what got slower than the baseline; then the status is 1"
    )
    parser.add_argument(
        "--baseline", type=Path, default=_REPORTS / f"{NAME}.json", help="figures of the run to compare with"
    )
    parser.add_argument("--figures", type=Path, help="compare these, and measure nothing")
    return parser


def _measured(wanted: Sequence[str], scope: Scope) -> Iterator[Part]:
    if strange := set(wanted) - set(_PARTS):
        raise SystemExit(f"benchmarks: there is no part {', '.join(sorted(strange))}. There are {', '.join(_PARTS)}.")
    began = time.monotonic()
    rounds = rounds_of(scope) if {"service", "workers"} & set(wanted) else []
    for name in _PARTS:
        if name not in wanted:
            continue
        if name == "service":
            part = end_to_end(rounds)
        else:
            part = scaling(rounds) if name == "workers" else _ALONE[name](scope)
        sys.stdout.write(
            "\n".join([f"## {part.title}", "", *part.lines, f"{time.monotonic() - began:.0f} s so far", "", ""])
        )
        sys.stdout.flush()
        yield part


def _compared(before: Record, now: Record) -> int:
    if before.is_long != now.is_long:
        raise SystemExit(_UNLIKE)
    changes = compare(before, now)
    sys.stdout.write(as_markdown(before, now, changes))
    return 1 if is_slower(changes) else 0


if __name__ == "__main__":
    sys.exit(main())
