"""What a part of the benchmarks has to say: text, tables and plots, and the ratios that are compared with a baseline."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

from loadtest.sections import Section


@dataclass(frozen=True, slots=True)
class Scope:
    """How much is measured: ``rounds`` of all that is measured in turns; ``is_long`` is for a night."""

    rounds: int = 3
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure by another that was measured beside it, once a round. ``more_is_better`` decides which way a change is good."""

    name: str
    values: tuple[float, ...]
    more_is_better: bool

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        """For a table: the median, and the range of the rounds."""
        return f"{self.median:.2f} ({min(self.values):.2f} to {max(self.values):.2f})"


@dataclass(slots=True)
class Part(Section):
    """A part of the report, and its ratios."""

    ratios: list[Ratio] = field(default_factory=list)

    def ratio(self, name: str, values: Iterable[float], *, more_is_better: bool) -> Ratio:
        """A figure to compare, under the part's title; gives it, to be shown."""
        ratio = Ratio(f"{self.title}: {name}", tuple(values), more_is_better)
        self.ratios.append(ratio)
        return ratio
