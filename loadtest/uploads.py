"""Scenario 1: how many uploads the API takes; and how many lists of tasks it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from matplotlib.figure import Figure

from loadtest.apache_benchmark import Measured, get, post
from loadtest.client import BOUNDARY, Client, multipart
from loadtest.costs import Costs, watching_costs
from loadtest.monitor import Processes
from loadtest.sections import Section

CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
SLOWEST_MEAN_SECONDS, MOST_ERRORS = 1.5, 0.01
CONCURRENCIES = (1, 5, 10, 25, 50, 75, 100, 150, 200, 300, 400, 600)
_COMPARED = 50
_SHARES = (50, 95, 99)


def uploads(client: Client, sound: Path, requests: int, parts: Callable[[], Processes]) -> Section:
    """Rising concurrency until the mean passes 1.5 s or errors pass 1 %, up to what one ``ab`` can hold open.

    It rises to what is compared with other runs in any case: what got worse has a figure, too.
    """
    steps = list(_steps(client, sound, requests, parts))
    measured = [each for each, _ in steps]
    section = Section("Scenario 1: uploads of 5 MB")
    section.say(
        "With SHA-256 and fsync of each file; what comes at once from one account shares transactions. No worker runs meanwhile, as they would be on other machines."
    )
    section.table(
        ("concurrent", "requests", "errors", "a second", "a minute", "mean s", *(f"{share} %" for share in _SHARES)),
        [
            (
                each.concurrency,
                each.requests,
                each.errors,
                each.per_second,
                60 * each.per_second,
                each.mean,
                *(each.percentiles.get(share, 0.0) for share in _SHARES),
            )
            for each in measured
        ],
    )
    section.plot("loadtest-uploads", _plot(measured), "Uploads a second and their latency against concurrency")
    section.say(f"Ended: {_limit(measured[-1])}. `{measured[-1].command}`")
    for each, costs in steps:
        if each.concurrency == _COMPARED:
            section.say(f"{_COMPARED} at a time: {costs.sentence('upload', each.requests)}")
            section.measure("uploads a second, 50 concurrent", each.per_second, "1/s", more_is_better=True)
            section.measure("upload's mean, 50 concurrent", each.mean, "s", more_is_better=False)
    return section


def lists(client: Client, parts: Callable[[], Processes], requests: int = 10_000) -> Section:
    """Task lists: the newest ten, 50 at a time, for some seconds: one second by itself is up to a third more or less."""
    with watching_costs(parts) as costs:
        measured = get(f"{client.url}/api/tasks?max=10&order=1", client.token, requests=requests, concurrency=_COMPARED)
    section = Section("Task lists")
    section.say(
        f"The same page for all who ask: {measured.per_second:.0f} a second at {measured.concurrency} concurrent, mean {1000 * measured.mean:.0f} ms, "
        f"99 % within {1000 * measured.percentiles.get(99, 0):.0f} ms, {measured.errors} errors. `{measured.command}`"
    )
    section.say(costs.sentence("list", measured.requests))
    section.measure("lists a second", measured.per_second, "1/s", more_is_better=True)
    return section


def _steps(
    client: Client, sound: Path, requests: int, parts: Callable[[], Processes]
) -> Iterator[tuple[Measured, Costs]]:
    body = multipart(sound, "mp3")
    for concurrency in CONCURRENCIES:
        count = max(requests, 2 * concurrency)
        url = f"{client.url}/api/tasks"
        with watching_costs(parts) as costs:
            measured = post(url, body, CONTENT_TYPE, client.token, requests=count, concurrency=concurrency)
        yield measured, costs
        if concurrency >= _COMPARED and _is_over(measured):
            return


def _is_over(measured: Measured) -> bool:
    return measured.mean > SLOWEST_MEAN_SECONDS or measured.error_share > MOST_ERRORS


def _limit(last: Measured) -> str:
    if last.error_share > MOST_ERRORS:
        return f"{100 * last.error_share:.1f} % errors"
    return f"the mean passed {SLOWEST_MEAN_SECONDS} s" if _is_over(last) else "as many as were to be tried"


def _plot(measured: list[Measured]) -> Figure:
    figure = Figure(figsize=(7, 4), layout="constrained")
    left = figure.subplots()
    right = left.twinx()
    concurrencies = [each.concurrency for each in measured]
    left.plot(concurrencies, [each.per_second for each in measured], marker="o", color="tab:blue")
    for share, style in zip(_SHARES, ("-", "--", ":"), strict=True):
        latencies = [each.percentiles.get(share, 0) for each in measured]
        right.plot(concurrencies, latencies, style, marker="s", color="tab:orange", label=f"{share} %")
    left.set(xlabel="concurrent uploads", ylabel="uploads a second (blue)", ylim=(0, None))
    right.set(ylabel="seconds (orange)", ylim=(0, None))
    right.legend(fontsize="small")
    left.grid(alpha=0.3)
    return figure
