"""The figures of a run as JSON: ratios with all their rounds, and on what they were measured."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.part import Ratio


@dataclass(frozen=True, slots=True)
class Record:
    """A run's ratios by their names; ``machine`` in a sentence, ``load`` as it was before (1, 5 and 15 minutes).

    Ratios of one that ``is_long`` are of longer files and more requests under the same names.
    """

    date: str
    machine: str
    load: tuple[float, ...]
    ratios: dict[str, Ratio]
    is_long: bool = False


def write_record(path: Path, record: Record) -> None:
    """One ratio a line, so that a change is seen."""
    told = {"date": record.date, "machine": record.machine, "load": record.load, "isLong": record.is_long}
    ratios = ",\n  ".join(json.dumps(_rounded(each), ensure_ascii=False) for each in record.ratios.values())
    head = json.dumps(told, ensure_ascii=False, indent=1).removesuffix("\n}")
    path.write_text(f'{head},\n "ratios": [\n  {ratios}\n ]\n}}\n')


def read_record(path: Path) -> Record:
    """What :func:`write_record` wrote. Raises ``OSError`` or ``ValueError``."""
    told = json.loads(path.read_text())
    ratios = (Ratio(each["name"], tuple(each["values"]), each["more_is_better"]) for each in told["ratios"])
    found = {each.name: each for each in ratios}
    return Record(told["date"], told["machine"], tuple(told["load"]), found, told.get("isLong", False))


def _rounded(ratio: Ratio) -> dict[str, object]:
    return {**asdict(ratio), "values": [float(f"{value:.4g}") for value in ratio.values]}
