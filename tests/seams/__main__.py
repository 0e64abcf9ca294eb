"""``make seams``: the table. ``make seams ARGS="mp3 ogg"`` takes those targets only."""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from soundmill.engine import Mill
from tests.seams.measure import CODINGS, Coding, Figures, compare, encode
from tests.seams.sounds import SOUNDS
from tests.sounds import write

_LEGEND = """
same     samples that are those of the serial encode
seams    error against the original around the seams, by that of the serial encode there (0 dB: as large)
between  the same between them
worst    the same for the worst 10 ms of the whole: a click would stand out"""
_RATES = ((8_000, 1), (16_000, 1), (22_050, 2), (48_000, 1), (96_000, 2), (192_000, 1))


def cases() -> Iterator[tuple[str, int, int]]:
    """Kind of sound, rate, channels."""
    for kind in SOUNDS:
        yield kind, 44_100, 2
    yield "speech", 44_100, 1
    for rate, channels in _RATES:
        yield "songs", rate, channels
        yield "speech", rate, channels


def main(wanted: list[str]) -> int:
    """Gives the exit status: 1 when something doesn't hold."""
    names = list(dict.fromkeys(each.target for each in CODINGS))
    if strange := set(wanted) - set(names):
        raise SystemExit(f"seams: there is no target {', '.join(sorted(strange))}. There are {', '.join(names)}.")
    print(f"{'coding':<12}{'sound':<9}{'rate':>7} ch{'same':>10}{'seams':>10}{'between':>10}{'worst':>10}", flush=True)
    faults: list[str] = []
    count = 0
    with Mill() as mill, tempfile.TemporaryDirectory() as name:
        for kind, rate, channels in cases():
            original = SOUNDS[kind](rate, channels)
            source = write(Path(name) / "source.wav", original, rate)
            for coding in CODINGS:
                if wanted and coding.target not in wanted:
                    continue
                with tempfile.TemporaryDirectory(dir=name) as directory:
                    pair = encode(mill, source, Path(directory), coding)
                    figures = compare(pair, original, rate, coding)
                count += 1
                print(_row(coding, kind, rate, channels, figures), flush=True)
                faults += [f"{coding}, {kind}, {rate} Hz, {channels}: {each}" for each in figures.faults]
    print(_LEGEND)
    print("\n".join(["", *faults]) if faults else f"\nAll {count} hold.", flush=True)
    return 1 if faults else 0


def _row(coding: Coding, kind: str, rate: int, channels: int, figures: Figures) -> str:
    decibels = (f"{10 * math.log10(each):+7.2f} dB" for each in (figures.at_seams, figures.between, figures.worst))
    mark = "  NO" if figures.faults else ""
    return f"{coding!s:<12}{kind:<9}{rate:>7}{channels:>3}{figures.identical:>10.2%}{''.join(decibels)}{mark}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
