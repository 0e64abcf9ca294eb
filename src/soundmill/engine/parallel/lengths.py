"""How many samples the packets of a stream decode to, where that differs: all together, and those around seams."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass

# What is decoded once more at a run's begin or end, and a short run between two such places.
_KEPT_PACKETS = 128


@dataclass(frozen=True, slots=True)
class _Run:
    first: int
    begin: array[int]
    end: array[int]
    after: int

    def length(self, number: int) -> int | None:
        if number - self.first < len(self.begin):
            return self.begin[number - self.first]
        if self.after - number <= len(self.end):
            return self.end[number - self.after]
        return None


class Lengths:
    """Of one run of packets behind the other. What is kept of a run doesn't grow with its length."""

    def __init__(self) -> None:
        self.total = 0
        """Samples a channel of all packets."""
        self._runs: list[_Run] = []

    def add(self, samples: memoryview) -> None:
        """Those of each packet of the run that follows."""
        first = self._runs[-1].after if self._runs else 0
        begin, end = array("q", samples[:_KEPT_PACKETS]), array("q", samples[-_KEPT_PACKETS:])
        self._runs.append(_Run(first, begin, end, first + len(samples)))
        self.total += sum(samples)

    def at(self, place: range) -> int | None:
        """Of the packets with these numbers together. Nothing where one is far from its run's begin and end."""
        total = 0
        for number in place:
            run = self._runs[bisect_right(self._runs, number, key=lambda each: each.first) - 1]
            if (length := run.length(number)) is None:
                return None
            total += length
        return total
