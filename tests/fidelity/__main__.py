"""``make fidelity``: every source into every target, as a table. ``make fidelity ARGS="mp3 flac24"`` takes those sources only."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from soundmill.engine import Job, Mill
from soundmill.model.errors import SoundmillError
from soundmill.model.formats import FORMATS
from tests.fidelity.judge import heard_at, judge
from tests.fidelity.matrix import Cell, compare
from tests.fidelity.sources import RECIPES, Recipe

_LEGEND = """
=      every sample is the source's           n      as many samples as the source has, to the sample
=24    32-bit float, rounded to 24 bits       n+123  so many more (fewer), within engine/conversion/tolerance.py
=16    a lossy source's sound, at 16 bits     NO     see below
A letter behind it: t tags, c pictures, h chapters, f form (rate, channels, depth) couldn't be held, and the report says so."""

_PICTURES = ("cover", "pictures")


def main(wanted: list[str]) -> int:
    """Gives the exit status: 1 when something doesn't hold."""
    names = [each.name for each in RECIPES]
    if strange := set(wanted) - set(names):
        raise SystemExit(f"fidelity: there is no source {', '.join(sorted(strange))}. There are {', '.join(names)}.")
    print(f"{'source':<14}" + "".join(f"{name:>9}" for name in FORMATS), flush=True)
    faults: list[str] = []
    cells = 0
    with Mill() as mill, tempfile.TemporaryDirectory() as directory:
        for recipe in RECIPES:
            if wanted and recipe.name not in wanted:
                continue
            print(f"{recipe.name:<14}", end="", flush=True)
            for name, cell in _row(mill, recipe, Path(directory)):
                cells += 1
                print(f"{cell.sign + _losses(cell):>9}", end="", flush=True)
                faults += [f"{recipe.name} → {name}: {each}" for each in cell.faults]
            print(flush=True)
    print(_LEGEND)
    print("\n".join(["", *faults]) if faults else f"\nAll {cells} hold.", flush=True)
    return 1 if faults else 0


def _row(mill: Mill, recipe: Recipe, directory: Path) -> Iterator[tuple[str, Cell]]:
    path = recipe.make(directory)
    source = judge(path)
    for name, target in FORMATS.items():
        work = Path(tempfile.mkdtemp(dir=directory))
        try:
            made = mill.convert(Job(path, work, target), lambda fraction: True)
            result = judge(made.path)
            form = source.rate, min(source.channels, result.channels)
            heard = heard_at(path, *form), heard_at(made.path, *form)
            yield name, compare(recipe, target, source, result, heard, made.report.not_carried)
        except SoundmillError as error:
            yield name, Cell("NO", (f"{error.message} {error.detail_for_log}",))
        except Exception as error:  # noqa: BLE001 - the others are judged all the same
            yield name, Cell("NO", (f"the judges refuse it: {type(error).__name__}: {error}",))


def _losses(cell: Cell) -> str:
    signs = ""
    for sign, belongs in (("t", ("tag",)), ("c", _PICTURES), ("h", ("chapters",))):
        signs += sign if any(each.startswith(belongs) for each in cell.not_carried) else ""
    return signs + ("f" if any("(" in each and not each.startswith(_PICTURES) for each in cell.not_carried) else "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
