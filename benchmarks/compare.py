"""What got slower than it was, by more than noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.part import Ratio
from benchmarks.record import Record
from loadtest.sections import Section

SAME_CODE = 0.1
"""Two runs of the same code on a quiet machine differ by so much, whatever their rounds say."""

_FEW_ROUNDS = 3
_UNKNOWN_SPREAD = 0.2


class Verdict(StrEnum):
    """Of one ratio."""

    SLOWER = "**slower**"
    FASTER = "faster"
    SAME = "as before"
    NEW = "new"
    MISSING = "not measured"


@dataclass(frozen=True, slots=True)
class Compared:
    """One ratio in the baseline and now. ``gain`` is how many times as good it became, ``noise`` which part of that says nothing."""

    name: str
    before: Ratio | None
    now: Ratio | None
    gain: float
    noise: float

    @property
    def verdict(self) -> Verdict:
        """Only a change that is greater than the noise is one."""
        if self.before is None or self.now is None:
            return Verdict.NEW if self.now else Verdict.MISSING
        if self.gain < 1 / (1 + self.noise):
            return Verdict.SLOWER
        return Verdict.FASTER if self.gain > 1 + self.noise else Verdict.SAME


def compare(before: Record, now: Record) -> list[Compared]:
    """Every ratio that either has; the worst change first, what can't be compared among those that didn't change."""
    names = dict.fromkeys([*before.ratios, *now.ratios])
    found = (_compared(name, before.ratios.get(name), now.ratios.get(name)) for name in names)
    return sorted(found, key=lambda each: each.gain)


def as_markdown(before: Record, now: Record, changes: Sequence[Compared]) -> str:
    """A table, and a sentence."""
    section = Section("")
    section.say(f"# Benchmarks against {before.date}")
    if before.machine != now.machine:
        section.say(f"Mind that the machines or versions differ: {before.machine}; now {now.machine}.")
    measured = [each for each in changes if each.verdict is not Verdict.MISSING]
    section.table(("ratio", "baseline", "now", "times as good", "noise", ""), list(_rows(measured)))
    if missing := len(changes) - len(measured):
        section.say(f"{missing} of the baseline's were not measured.")
    slower = sum(each.verdict is Verdict.SLOWER for each in changes)
    section.say(f"{slower or 'Nothing'} got slower by more than noise.")
    return "\n".join(section.lines)


def is_slower(changes: Iterable[Compared]) -> bool:
    """True when something is."""
    return any(each.verdict is Verdict.SLOWER for each in changes)


def _compared(name: str, before: Ratio | None, now: Ratio | None) -> Compared:
    if before is None or now is None:
        return Compared(name, before, now, gain=1.0, noise=0.0)
    grown = now.median / before.median
    gain = grown if now.more_is_better else 1 / grown
    return Compared(name, before, now, gain, SAME_CODE + _spread(before) + _spread(now))


def _spread(ratio: Ratio) -> float:
    """Half the range of the rounds, as a part of their median: with three rounds about one standard deviation."""
    if len(ratio.values) < _FEW_ROUNDS:
        return _UNKNOWN_SPREAD
    return (max(ratio.values) - min(ratio.values)) / 2 / ratio.median


def _rows(changes: Iterable[Compared]) -> Iterator[tuple[object, ...]]:
    for each in changes:
        figures = (f"×{each.gain:.2f}", f"±{each.noise:.0%}") if each.before else ("", "")
        yield (each.name, each.before or "", each.now, *figures, each.verdict)
