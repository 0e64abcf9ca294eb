"""Uploads and downloads of 5 MB beside nginx, which writes and serves the same bytes: same client, same cores, in turns.

``make bench-transfer`` writes ``benchmarks/results/transfer.md``.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import httpx
import psutil

from benchmarks.part import Part, Scope
from loadtest.apache_benchmark import Measured, get, post, put
from loadtest.client import Client, multipart, sound_file
from loadtest.uploads import CONTENT_TYPE
from soundmill.engine import cores
from tests.ports import free_port
from tests.waiting import until

RESULTS = Path(__file__).with_name("results")
CONCURRENCY = 50

_NGINX_CONF = """
{user}
daemon off;
worker_processes {cores};
pid {directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
    access_log off;
    sendfile on;
    client_max_body_size 0;
    client_body_temp_path {directory}/body;
    server {{
        listen 127.0.0.1:{port};
        root {directory}/files;
        dav_methods PUT;
    }}
}}
"""

type Run = Callable[[int], Measured]


@dataclass(frozen=True)
class Side:
    """One of the two servers: where its processes are, what is asked of it, and what makes room after that, unmeasured."""

    process: psutil.Process
    upload: Run
    download: Run
    tidy: Callable[[], None]

    def cpu_seconds(self) -> float:
        """Of all its processes so far."""
        times = [each.cpu_times() for each in (self.process, *self.process.children(recursive=True))]
        return sum(each.user + each.system for each in times)


@dataclass(frozen=True)
class Turn:
    """One turn of both: requests a second and milliseconds of the server's CPU a request, ours first."""

    rates: tuple[float, float]
    cpu_milliseconds: tuple[float, float]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="turns of each kind (5)")
    parser.add_argument("--requests", type=int, default=200, help="of each turn (200)")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    uploads, downloads = _turns(given.pairs, given.requests)
    page = "\n".join(
        [*_head(given.pairs, given.requests, load), _row("upload", uploads), _row("download", downloads), ""]
    )
    (RESULTS / "transfer.md").write_text(page)
    sys.stdout.write(page)


def beside_nginx(scope: Scope) -> Part:
    """Rates and processor time of uploads and downloads."""
    part = Part("Uploads and downloads beside nginx")
    requests = 400 if scope.is_long else 100
    rows = []
    for name, turns in zip(("uploads", "downloads"), _turns(scope.rounds, requests), strict=True):
        rates = part.ratio(
            f"{name} a second", (ours / theirs for ours, theirs in (turn.rates for turn in turns)), more_is_better=True
        )
        cpu = part.ratio(
            f"processor time of {name}",
            (ours / theirs for ours, theirs in (turn.cpu_milliseconds for turn in turns)),
            more_is_better=False,
        )
        rows.append(
            (
                name,
                *_medians([turn.rates for turn in turns]),
                rates,
                *_medians([turn.cpu_milliseconds for turn in turns]),
                cpu,
            )
        )
    part.say(
        f"Files of 5 MB, {CONCURRENCY} at a time by `ab`, {requests} a turn. An upload to soundmill is authenticated, parsed, hashed, synced and a row in "
        f"SQLite; nginx {_nginx_version()} writes the same bytes to a file and renames it."
    )
    part.table(("", "soundmill 1/s", "nginx 1/s", "ratio", "soundmill ms of CPU a file", "nginx", "ratio of CPU"), rows)
    return part


def _turns(pairs: int, requests: int) -> tuple[list[Turn], list[Turn]]:
    """Of uploads and of downloads."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soundmill-transfer-", dir="/tmp")))
        sound = sound_file(directory)
        sides = [stack.enter_context(open_side(directory, sound)) for open_side in (_soundmill, _nginx)]
        uploads, downloads = [], []
        for _ in range(pairs):
            uploads.append(_turn(sides, requests, lambda side: side.upload))
            downloads.append(_turn(sides, requests, lambda side: side.download))
    return uploads, downloads


def _turn(sides: list[Side], requests: int, way: Callable[[Side], Run]) -> Turn:
    (our_rate, our_cpu), (their_rate, their_cpu) = (_measured(side, requests, way(side)) for side in sides)
    return Turn((our_rate, their_rate), (our_cpu, their_cpu))


def _measured(side: Side, requests: int, run: Run) -> tuple[float, float]:
    before = side.cpu_seconds()
    measured = run(requests)
    milliseconds = 1000 * (side.cpu_seconds() - before) / requests
    assert not measured.errors, f"{measured.errors} errors: {measured.command}"
    side.tidy()
    return measured.per_second, milliseconds


@contextmanager
def _soundmill(directory: Path, sound: Path) -> Iterator[Side]:
    """One API with a process a core over SQLite; nobody converts."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "SOUNDMILL_DATA_DIR": str(directory / "data"),
        "SOUNDMILL_API_PROCESSES": str(cores()),
        "SOUNDMILL_STORAGE_RESERVE": "0",
    }
    command = [sys.executable, "-m", "soundmill", "api", "--port", str(port)]
    with _process(command, environment, f"{url}/health/ready") as process:
        client = Client.signed_up(url)
        body = multipart(sound, "mp3")

        def upload(requests: int) -> Measured:
            tasks = f"{url}/api/tasks"
            return post(tasks, body, CONTENT_TYPE, client.token, requests=requests, concurrency=CONCURRENCY)

        def download(requests: int) -> Measured:
            return get(f"{url}/api/files/{sound.name}", client.token, requests=requests, concurrency=CONCURRENCY)

        post(f"{url}/api/tasks", body, CONTENT_TYPE, client.token, requests=1, concurrency=1)
        first = client.newest()
        yield Side(process, upload, download, lambda: client.delete_after(first))


@contextmanager
def _nginx(directory: Path, sound: Path) -> Iterator[Side]:
    """A worker a core; an upload is written to a file of its own and renamed: neither hashed nor synced."""
    home = directory / "nginx"
    (home / "files").mkdir(parents=True)
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    conf = home / "nginx.conf"
    conf.write_text(_NGINX_CONF.format(user=user, cores=cores(), directory=home, port=port))
    (home / "files" / sound.name).write_bytes(sound.read_bytes())
    address = f"http://127.0.0.1:{port}/{sound.name}"
    program = which("nginx") or "/usr/sbin/nginx"
    with _process([program, "-p", str(home), "-c", str(conf)], dict(os.environ), address) as process:

        def upload(requests: int) -> Measured:
            return put(f"{address}-uploaded", sound, requests=requests, concurrency=CONCURRENCY)

        def download(requests: int) -> Measured:
            return get(address, "none", requests=requests, concurrency=CONCURRENCY)

        yield Side(process, upload, download, lambda: None)


@contextmanager
def _process(command: list[str], environment: dict[str, str], ready: str) -> Iterator[psutil.Process]:
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _answers(ready), seconds=60)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


def _head(pairs: int, requests: int, load: float) -> list[str]:
    return [
        "# Uploads and downloads beside nginx",
        "",
        (
            f"Files of 5 MB, {CONCURRENCY} at a time by `ab`, {pairs} turns of {requests} requests on each side, {cores()} cores that client and server "
            f"share, nginx {_nginx_version()}, Python {platform.python_version()}. An upload to soundmill is authenticated, parsed, hashed, "
            f"synced and a row in SQLite; nginx writes the same bytes to a file and renames it. Medians; in brackets the range of the turns' ratios. "
            f"The machine's load before: {load:.1f}; where that isn't near 0, mind the CPU more than the rates."
        ),
        "",
        "| | soundmill a second | nginx a second | ratio | soundmill ms of CPU a file | nginx | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]


def _nginx_version() -> str:
    told = subprocess.run([which("nginx") or "/usr/sbin/nginx", "-v"], check=True, capture_output=True, text=True)
    return told.stderr.strip().rpartition("/")[2]


def _row(name: str, turns: list[Turn]) -> str:
    rates = _compared([each.rates for each in turns], ".0f")
    cpu = _compared([each.cpu_milliseconds for each in turns], ".1f")
    return f"| {name} | {rates} | {cpu} |"


def _compared(pairs: list[tuple[float, float]], shown: str) -> str:
    ours, theirs = _medians(pairs)
    ratios = sorted(mine / other for mine, other in pairs)
    ratio = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return f"{ours:{shown}} | {theirs:{shown}} | {ratio}"


def _medians(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    ours, theirs = zip(*pairs, strict=True)
    return statistics.median(ours), statistics.median(theirs)


if __name__ == "__main__":
    main()
