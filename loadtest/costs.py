"""What a scenario cost each part, and so what held it back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from loadtest.bare_ffmpeg import processor_seconds_of_children
from loadtest.monitor import Processes, processor_seconds
from soundmill.engine import cores

# Above it there is hardly a moment in which a core waits for something to do.
_BUSY_SHARE = 0.85
_LOAD = "ab"


@dataclass(slots=True)
class Costs:
    """Processor seconds by part, within so many seconds of wall time, and of all the machine; complete when :func:`watching_costs` ends."""

    spent: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    machine: float = 0.0

    @property
    def busy(self) -> float:
        """The share of all cores that was at work for a part, from 0 to 1."""
        return sum(self.spent.values()) / (self.seconds * cores())

    def sentence(self, what: str, count: int) -> str:
        """What one of ``count`` cost, and what the limit was, as far as that can be known here."""
        if set(self.spent) == {_LOAD}:
            return f"What one {what} cost the service, and what held it back, can't be known from here."
        dear_first = sorted(self.spent.items(), key=lambda item: -item[1])
        each = ", ".join(f"{part} {1000 * spent / count:.1f}" for part, spent in dear_first if spent)
        is_full = self.machine > _BUSY_SHARE * self.seconds * cores()
        if self.busy > _BUSY_SHARE:
            limit = "processor time is what held it back"
        elif is_full:
            limit = "other work on this machine is what held it back"
        else:
            limit = "waiting, for the disk or for each other, is what held it back"
        return (
            f"One {what} took {1000 * sum(self.spent.values()) / count:.1f} ms of processor time ({each}); "
            f"{100 * self.busy:.0f} % of {cores()} cores were at work: {limit}."
        )


@contextmanager
def watching_costs(parts: Callable[[], Processes]) -> Iterator[Costs]:
    """Count what ``parts`` and ``ab`` spend meanwhile. Nothing is known of the parts of a service elsewhere."""
    costs = Costs()
    before, ours, machine, began = (
        processor_seconds(parts()),
        processor_seconds_of_children(),
        _of_machine(),
        time.monotonic(),
    )
    yield costs
    costs.seconds, costs.machine = time.monotonic() - began, _of_machine() - machine
    after = processor_seconds(parts())
    costs.spent = {part: max(0.0, spent - before.get(part, 0.0)) for part, spent in after.items()}
    costs.spent[_LOAD] = processor_seconds_of_children() - ours


def _of_machine() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)
