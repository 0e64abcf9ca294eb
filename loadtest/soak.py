"""Scenario 3: mixed users for long, with an eye on what must not grow: memory, descriptors, the disk."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest.client import sound_file
from loadtest.monitor import Monitor, Sample, show_samples
from loadtest.sections import Section

_USERS = 10
_CLIP_SECONDS = (1, 3, 10)
_SETTLE_SECONDS = 60


def soak(url: str, directory: Path, minutes: float, monitor: Monitor) -> Section:
    """Ten users for so many minutes, as Locust plays them."""
    with monitor.watching() as samples:
        requests = _played(url, directory, minutes)
    section = Section(f"Scenario 3: {_USERS} mixed users for {minutes:g} minutes")
    total, failed = sum(each["num_requests"] for each in requests), sum(each["num_failures"] for each in requests)
    section.say(f"{total:,} requests, **{failed} failures**.")
    section.table(
        ("request", "count", "failures", "mean ms", "longest ms"),
        [
            (
                f"{each['method']} {each['name']}",
                each["num_requests"],
                each["num_failures"],
                each["total_response_time"] / max(1, each["num_requests"]),
                float(each["max_response_time"]),
            )
            for each in sorted(requests, key=lambda each: (str(each["name"]), str(each["method"])))
        ],
    )
    if samples and samples[-1].cpu:
        _growth(section, samples)
    show_samples(section, samples, "loadtest-soak", "during the soak")
    section.measure("failures of the soak", float(failed), "", more_is_better=False)
    return section


def _played(url: str, directory: Path, minutes: float) -> list[dict[str, Any]]:
    """Locust's figures of each kind of request."""
    clips = os.pathsep.join(str(sound_file(directory, seconds)) for seconds in _CLIP_SECONDS)
    program = Path(__file__).with_name("users.py")
    command = [sys.executable, "-m", "locust", "-f", str(program), "--headless", "--host", url, "--json"]
    command += ["--users", str(_USERS), "--spawn-rate", "2", "--run-time", f"{60 * minutes:.0f}s"]
    command += ["--stop-timeout", "60", "--loglevel", "ERROR"]
    # Locust's own status is 1 when a request failed: that is told in the report.
    environment = {**os.environ, "SOUNDMILL_LOAD_CLIPS": clips}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if not ran.stdout.strip():
        raise RuntimeError(f"Locust gave no figures: {ran.stderr[-2000:]}")
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


def _growth(section: Section, samples: list[Sample]) -> None:
    """The first third after settling against the last."""
    settled = [each for each in samples if each.second >= min(_SETTLE_SECONDS, samples[-1].second / 4)]
    third = max(1, len(settled) // 3)
    first, last = settled[:third], settled[-third:]
    rows: list[tuple[object, ...]] = []
    for part in samples[-1].cpu:
        memory = [_mean(some, lambda each, part=part: each.memory.get(part, 0) / (1 << 20)) for some in (first, last)]  # type: ignore[misc]
        descriptors = [_mean(some, lambda each, part=part: each.descriptors.get(part, 0)) for some in (first, last)]  # type: ignore[misc]
        rows.append((part, *memory, *descriptors, _mean(settled, lambda each, part=part: each.cpu.get(part, 0.0))))  # type: ignore[misc]
        section.measure(f"soak: memory of {part} at the end", memory[1], "MiB", more_is_better=False)
    disk = [_mean(some, lambda each: each.disk / (1 << 20)) for some in (first, last)]
    section.table(
        ("part", "MiB at first", "MiB at last", "descriptors at first", "at last", "% of a core"),
        rows,
    )
    section.say(
        f"The disk held {disk[0]:.0f} MiB more than before at first and {disk[1]:.0f} MiB at last; users keep 20 tasks each."
    )


def _mean(samples: list[Sample], value: Callable[[Sample], float]) -> float:
    return float(statistics.fmean(value(each) for each in samples))
