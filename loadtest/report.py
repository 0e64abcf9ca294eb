"""The report: Markdown, HTML, plots, and figures as JSON for the next run to compare with."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from markdown_it import MarkdownIt

from loadtest.machine import machine
from loadtest.sections import Measure, Section, written

_NAME = "loadtest"
_TELLING = 1.2


def write_report(directory: Path, target: str, command: str, sections: Sequence[Section], ended_by: str = "") -> Path:
    """Writes ``loadtest.md``, ``.html`` and ``.json`` with the plots into ``directory``; gives the Markdown.

    An earlier run's ``loadtest.json`` there is compared with and replaced. ``ended_by`` is why more was to be measured than ``sections``.
    """
    directory.mkdir(parents=True, exist_ok=True)
    figures = directory / f"{_NAME}.json"
    earlier = _read(figures)
    measures = {each.name: each for section in sections for each in section.measures}
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    where = Place(target, machine())
    lines = ["# Load test", "", f"{date}, {where.target}, {where.machine}. `{command}`", ""]
    if ended_by:
        lines += [f"**Not all was measured**: {ended_by}.", ""]
    lines += written(sections, directory)
    lines += _comparison(measures, earlier, where)
    page = directory / f"{_NAME}.md"
    page.write_text("\n".join(lines).rstrip() + "\n")
    (directory / f"{_NAME}.html").write_text(_as_html(page.read_text()))
    told = {"date": date, **asdict(where), "measures": [asdict(each) for each in measures.values()]}
    figures.write_text(json.dumps(told, indent=1) + "\n")
    return page


@dataclass(frozen=True, slots=True)
class Place:
    """Which service was loaded, and from which machine."""

    target: str
    machine: str


@dataclass(frozen=True, slots=True)
class _Run:
    date: str
    where: Place | None
    measures: dict[str, Measure]


def _read(figures: Path) -> _Run:
    if not figures.exists():
        return _Run("", None, {})
    told = json.loads(figures.read_text())
    where = Place(told["target"], told["machine"]) if "target" in told else None
    return _Run(told["date"], where, {each["name"]: Measure(**each) for each in told["measures"]})


def _comparison(measures: dict[str, Measure], earlier: _Run, where: Place) -> list[str]:
    known = [(earlier.measures[name], now) for name, now in measures.items() if name in earlier.measures]
    if not known:
        return []
    section = Section("")
    if earlier.where is not None and earlier.where != where:
        section.say(f"That was {earlier.where.target}, {earlier.where.machine}: not the same as now.")
    rows = [(now.name, before.value, now.value, now.unit, _verdict(before, now)) for before, now in known]
    section.table(("figure", earlier.date, "now", "unit", ""), rows)
    return [f"## Against the run of {earlier.date}", "", *section.lines]


def _verdict(before: Measure, now: Measure) -> str:
    """Single runs on shared machines differ by some percent: less than a fifth says nothing."""
    if before.value == now.value:
        return "as before"
    if not before.value or not now.value:
        return "better" if (now.value > before.value) == now.more_is_better else "**worse**"
    ratio = now.value / before.value
    gain = ratio if now.more_is_better else 1 / ratio
    word = "better" if gain > _TELLING else "**worse**" if gain < 1 / _TELLING else "as before"
    return f"{word} (×{ratio:.2f})"


def _as_html(markdown: str) -> str:
    body = MarkdownIt("commonmark").enable("table").render(markdown)
    style = (
        "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}"
        "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2rem .6rem;text-align:right}"
        "td:first-child,th:first-child{text-align:left}img{max-width:100%}code{overflow-wrap:anywhere}"
    )
    title = html.escape("soundmill: load test")
    return f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title><style>{style}</style>\n{body}</html>\n'
