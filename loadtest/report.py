"""What was measured, as a page with plots."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import av
import matplotlib as mpl

from loadtest.apache_benchmark import Measured
from loadtest.scenarios import Converted
from soundmill import __version__

mpl.use("svg")
import matplotlib.pyplot as plt


def write_report(directory: Path, target: str, uploads: list[Measured], listed: Measured, converted: Converted) -> Path:
    """Writes ``loadtest.md`` with its plot into ``directory``; gives the page."""
    directory.mkdir(parents=True, exist_ok=True)
    _plot(directory / "loadtest-uploads.svg", uploads)
    page = directory / "loadtest.md"
    page.write_text("\n".join([*_head(target), *_uploads(uploads), *_lists(listed), *_conversions(converted)]) + "\n")
    return page


def _head(target: str) -> list[str]:
    ffmpeg = ".".join(map(str, av.library_versions["libavcodec"]))
    return [
        "# Load test",
        "",
        (
            f"{datetime.now(UTC):%Y-%m-%d}, {target}, {os.cpu_count()} cores ({platform.machine()}, Linux {platform.release()}), soundmill {__version__}, "
            f"Python {platform.python_version()}, libavcodec {ffmpeg}. Load and service share the cores."
        ),
        "",
    ]


def _uploads(measured: list[Measured]) -> list[str]:
    rows = [
        f"| {each.concurrency} | {each.requests} | {each.errors} | {each.per_second:.1f} | {each.mean:.2f} | "
        + " | ".join(f"{each.percentiles.get(share, 0):.2f}" for share in (50, 95, 99))
        + " |"
        for each in measured
    ]
    return [
        "## Scenario 1: uploads of 5 MB",
        "",
        "With SHA-256, fsync and one transaction each; no worker runs meanwhile, as they would be on other machines.",
        "",
        "| concurrent | requests | errors | a second | mean s | 50 % | 95 % | 99 % |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows,
        "",
        "![Uploads a second and their mean time](loadtest-uploads.svg)",
        "",
        f"`{measured[-1].command}`",
        "",
    ]


def _lists(listed: Measured) -> list[str]:
    return [
        "## Task lists",
        "",
        f"{listed.per_second:.0f} a second at {listed.concurrency} concurrent, mean {1000 * listed.mean:.0f} ms, {listed.errors} errors.",
        "",
        f"`{listed.command}`",
        "",
    ]


def _conversions(converted: Converted) -> list[str]:
    ratio = converted.a_minute / converted.ffmpeg_a_minute
    return [
        "## Scenario 2: files of 5 MB, WAV to MP3 192 kbit/s",
        "",
        (
            f"{converted.files} uploaded at once: {converted.processed} processed (verified), {converted.failed} failed, in {converted.seconds:.1f} s: "
            f"**{converted.a_minute:.0f} files a minute**, from the first upload to the last result. Bare `ffmpeg`, a process a core, unverified, in the same run: "
            f"{converted.ffmpeg_a_minute:.0f} files a minute. Ratio {ratio:.2f}."
        ),
    ]


def _plot(path: Path, measured: list[Measured]) -> None:
    figure, left = plt.subplots(figsize=(7, 4))
    right = left.twinx()
    concurrencies = [each.concurrency for each in measured]
    left.plot(concurrencies, [each.per_second for each in measured], marker="o", color="tab:blue")
    right.plot(concurrencies, [each.mean for each in measured], marker="s", color="tab:orange")
    left.set(xlabel="concurrent uploads", ylabel="uploads a second (blue)", ylim=(0, None))
    right.set(ylabel="mean seconds (orange)", ylim=(0, None))
    left.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
