"""Scenario 2: how many files a minute are converted, counted by verified results and not by accepted requests."""

from __future__ import annotations

import time
from pathlib import Path

from loadtest.apache_benchmark import Measured, post
from loadtest.bare_ffmpeg import run_ffmpeg
from loadtest.client import Client, multipart, seconds_to_the_end
from loadtest.costs import watching_costs
from loadtest.monitor import Monitor, show_samples
from loadtest.sections import Section
from loadtest.uploads import CONTENT_TYPE
from soundmill.engine import cores

_LONGEST_SECONDS = 600
"""From the request to ``processed``: later ones don't count."""


def conversions(client: Client, sound: Path, files: int, monitor: Monitor) -> Section:
    """Upload ``files`` of 5 MB at once, see them to their end, and let ``ffmpeg`` do the same."""
    body = multipart(sound, "mp3")
    _warm_up(client, body)
    start = client.newest()
    by_ffmpeg = run_ffmpeg(sound, files // 2).seconds
    with watching_costs(monitor.parts) as costs, monitor.watching() as samples:
        began = time.monotonic()
        sent = _send(client, body, files)
        uploaded = time.monotonic() - began
        wait_for_all(client, start, _LONGEST_SECONDS)
        taken = time.monotonic() - began
    tasks = client.tasks(start)
    processed = [
        task for task in tasks if task["status"] == "processed" and seconds_to_the_end(task) <= _LONGEST_SECONDS
    ]
    # Half before and half after: a machine that others use, too, is not as fast at one time as at another.
    by_ffmpeg += run_ffmpeg(sound, files - files // 2).seconds
    a_minute, of_ffmpeg = 60 * len(processed) / taken, 60 * files / by_ffmpeg
    section = Section("Scenario 2: files of 5 MB, WAV to MP3 192 kbit/s")
    section.say(
        f"{files} sent at once (within {uploaded:.1f} s), {len(tasks)} accepted, {sent.errors} errors; **{len(processed)} processed** (verified) within "
        f"{_LONGEST_SECONDS // 60} minutes each, {len(tasks) - len(processed)} not. {taken:.1f} s from the first upload to the last result: **{a_minute:.0f} files a minute**. "
        f"Bare `ffmpeg`, a process a core, unverified, half before and half after: {of_ffmpeg:.0f} files a minute. Ratio **{a_minute / of_ffmpeg:.2f}**."
    )
    section.say(costs.sentence("file", len(tasks)))
    section.table(
        ("from the request to the result", "seconds"), _percentiles([seconds_to_the_end(each) for each in processed])
    )
    show_samples(section, samples, "loadtest-conversions", "during scenario 2")
    section.measure("files a minute", a_minute, "1/min", more_is_better=True)
    section.measure("files a minute against bare ffmpeg", a_minute / of_ffmpeg, "", more_is_better=True)
    return section


def _warm_up(client: Client, body: Path) -> None:
    """A worker that was just started loads what it needs: that isn't what a file costs."""
    start = client.newest()
    _send(client, body, 2 * cores())
    wait_for_all(client, start, _LONGEST_SECONDS)


def _send(client: Client, body: Path, files: int) -> Measured:
    return post(f"{client.url}/api/tasks", body, CONTENT_TYPE, client.token, requests=files, concurrency=min(10, files))


def wait_for_all(client: Client, start: int, at_most_seconds: float) -> None:
    """Until all tasks behind that id are final, or the time is over."""
    until = time.monotonic() + at_most_seconds
    while client.is_busy(start) and time.monotonic() < until:
        time.sleep(0.2)


def _percentiles(seconds: list[float]) -> list[tuple[str, float]]:
    return [(f"{share} %", percentile(seconds, share)) for share in (50, 95, 100)]


def percentile(values: list[float], share: int) -> float:
    """The smallest value that ``share`` percent don't pass (nearest rank); 0 of none."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * share // 100) - 1)] if ranked else 0.0
