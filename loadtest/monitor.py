"""What a run costs over time: processor, memory and descriptors of each part, the disk, and the queue."""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from matplotlib.figure import Figure

from loadtest.client import TLS
from loadtest.sections import Section

_INTERVAL_SECONDS = 1.0
# Reading how much memory is whose takes the kernel some milliseconds a process.
_MEMORY_EVERY = 5

type Processes = Mapping[str, list[psutil.Process]]


@dataclass(frozen=True, slots=True)
class Sample:
    """At ``second`` of the run: by part, percent of a core, bytes of memory (shared ones by their share), and open descriptors.

    ``waiting`` tasks, the first of them for ``oldest`` seconds; ``disk`` is how many bytes the storage's file system holds more than at
    the beginning.
    """

    second: float
    cpu: dict[str, float]
    memory: dict[str, int]
    descriptors: dict[str, int]
    waiting: int
    oldest: float
    disk: int


@dataclass
class Monitor:
    """Looks once a second, from a thread, while :meth:`watching`. ``parts`` gives the processes as they are then; none for a service elsewhere."""

    url: str
    parts: Callable[[], Processes] = dict
    data: Path | None = None
    samples: list[Sample] = field(default_factory=list)

    @contextmanager
    def watching(self) -> Iterator[list[Sample]]:
        """Samples are added meanwhile."""
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(stop,), name="monitor")
        thread.start()
        try:
            yield self.samples
        finally:
            stop.set()
            thread.join()

    def _watch(self, stop: threading.Event) -> None:
        began = looked = time.monotonic()
        disk = self._disk()
        spent = processor_seconds(self.parts())
        for number in itertools.count():
            if stop.wait(_INTERVAL_SECONDS):
                return
            moment = time.monotonic()
            parts = self.parts()
            before, spent = spent, processor_seconds(parts)
            cpu = {part: max(0.0, 100 * (spent[part] - before[part]) / (moment - looked)) for part in parts}
            looked = moment
            memory = self.samples[-1].memory if self.samples and number % _MEMORY_EVERY else _summed(parts, 0, _memory)
            with suppress(httpx.HTTPError):  # nothing is known of this second
                queue = httpx.get(f"{self.url}/health/queue", timeout=30, verify=TLS).raise_for_status().json()
                waiting, oldest = queue["waiting"], queue["oldestWaitingSeconds"]
                used = self._disk() - disk
                descriptors = _summed(parts, 0, psutil.Process.num_fds)
                self.samples.append(Sample(moment - began, cpu, memory, descriptors, waiting, oldest, used))

    def _disk(self) -> int:
        return shutil.disk_usage(self.data).used if self.data else 0


def processor_seconds(parts: Processes) -> dict[str, float]:
    """Of each part so far, of its processes and of those that they waited for."""
    return _summed(parts, 0.0, _spent)


def _summed[T: (int, float)](parts: Processes, nothing: T, figure: Callable[[psutil.Process], T]) -> dict[str, T]:
    """Of all processes of each part; what has ended meanwhile has none."""
    found = dict.fromkeys(parts, nothing)
    for part, processes in parts.items():
        for each in processes:
            with suppress(psutil.Error):
                found[part] += figure(each)
    return found


def _spent(process: psutil.Process) -> float:
    """Seconds of processor time so far, of children that ended, too: their time passes to who waited for them."""
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def _memory(process: psutil.Process) -> int:
    return int(process.memory_full_info().pss)


def show_samples(section: Section, samples: list[Sample], name: str, when: str) -> None:
    """Their plot; or that there are none, where the service doesn't show its queue."""
    if samples:
        section.plot(name, _plot_of(samples), f"Queue, processors, memory and descriptors {when}")
    else:
        section.say("Nothing is known of the queue: `/health/queue` didn't answer there (nginx keeps it inside).")


def _plot_of(samples: list[Sample]) -> Figure:
    """Four pictures over the same time: the queue, processors, memory, descriptors."""
    figure = Figure(figsize=(9, 9), layout="constrained")
    queue, cpu, memory, descriptors = figure.subplots(4, 1, sharex=True)
    seconds = [each.second for each in samples]
    queue.plot(seconds, [each.waiting for each in samples], color="tab:blue")
    queue.set(ylabel="waiting (blue)", ylim=(0, None))
    age = queue.twinx()
    age.plot(seconds, [each.oldest for each in samples], color="tab:orange")
    age.set(ylabel="oldest, s (orange)", ylim=(0, None))
    for part in samples[-1].cpu:
        cpu.plot(seconds, [each.cpu.get(part, 0) for each in samples], label=part)
        memory.plot(seconds, [each.memory.get(part, 0) / (1 << 20) for each in samples], label=part)
        descriptors.plot(seconds, [each.descriptors.get(part, 0) for each in samples], label=part)
    cpu.set(ylabel="% of a core", ylim=(0, None))
    memory.set(ylabel="memory (PSS), MiB", ylim=(0, None))
    descriptors.set(ylabel="descriptors", xlabel="seconds", ylim=(0, None))
    for axes in (queue, cpu, memory, descriptors):
        axes.grid(alpha=0.3)
    if samples[-1].cpu:
        cpu.legend(fontsize="small", ncols=5)
    return figure
