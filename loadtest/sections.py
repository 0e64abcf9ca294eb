"""What a scenario has to say: text, tables, plots, and the figures that are compared with an earlier run's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a run. ``more_is_better`` decides which way a change is good."""

    name: str
    value: float
    unit: str
    more_is_better: bool


@dataclass(slots=True)
class Section:
    """A scenario's part of the report. ``plots`` by the name of their file, without its ending."""

    title: str
    lines: list[str] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    plots: dict[str, Figure] = field(default_factory=dict)

    def say(self, text: str) -> None:
        """A paragraph."""
        self.lines += [text, ""]

    def table(self, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table; floats with as many digits as they deserve."""
        self.lines += ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
        self.lines += ["| " + " | ".join(map(shown, row)) + " |" for row in rows]
        self.lines.append("")

    def plot(self, name: str, figure: Figure, says: str) -> None:
        """A picture; ``says`` is what one sees."""
        self.plots[name] = figure
        self.lines += [f"![{says}]({name}.svg)", ""]

    def measure(self, name: str, value: float, unit: str, *, more_is_better: bool) -> None:
        """A figure to compare."""
        self.measures.append(Measure(name, value, unit, more_is_better))


def written(sections: Sequence[Section], directory: Path) -> list[str]:
    """Writes their plots into ``directory``; gives their lines under their titles."""
    lines = []
    for section in sections:
        lines += [f"## {section.title}", "", *section.lines]
        for name, figure in section.plots.items():
            figure.savefig(directory / f"{name}.svg", metadata={"Date": None})
    return lines


def shown(value: object) -> str:
    """Three digits that count, for floats."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
