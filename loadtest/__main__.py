"""``make loadtest``: against a fleet of our own on loopback, or with ``--url`` against any address that is yours to load."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from loadtest.bare_ffmpeg import ffmpeg_version
from loadtest.client import Client, sound_file
from loadtest.conversions import conversions
from loadtest.fleet import parts_of, running_fleet
from loadtest.monitor import Monitor
from loadtest.report import write_report
from loadtest.sections import Section
from loadtest.soak import soak
from loadtest.spike import spike
from loadtest.uploads import lists, uploads
from tests.chaos.cluster import Cluster

_REPORTS = Path(__file__).parents[1] / "docs" / "reports"
_REPORT_OF_A_PART = Path("loadtest-report")
_SCENARIOS = ("uploads", "conversions", "soak", "spike")
_SIZES = ("uploads", "files", "minutes", "clips")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the report. Gives the exit status: 1 when not all was measured that was to be."""
    given = _parser().parse_args(arguments)
    if strange := set(given.scenarios) - set(_SCENARIOS):
        raise SystemExit(
            f"loadtest: there is no scenario {', '.join(sorted(strange))}. There are {', '.join(_SCENARIOS)}."
        )
    sections: list[Section] = []
    ended_by = ""
    with tempfile.TemporaryDirectory() as name, _target(given.url) as (url, cluster):
        target = _described(given.url, cluster)
        try:
            for section in _measured(given, Path(name), url, cluster):
                sections.append(section)  # noqa: PERF402  what was measured before an end counts
        except KeyboardInterrupt:
            ended_by = "it was interrupted"
        except (httpx.HTTPError, RuntimeError) as error:
            ended_by = f"{type(error).__name__}: {error}"
    if ended_by:
        sys.stderr.write(f"loadtest: not all was measured: {ended_by}\n")
    if sections:
        # What isn't the whole, or of another service or size, doesn't replace the whole of ours, which later runs are compared with.
        is_whole = not (given.scenarios or given.url or ended_by or _has_other_sizes(given))
        directory = given.report or (_REPORTS if is_whole else _REPORT_OF_A_PART)
        command = " ".join(["python -m loadtest", *(sys.argv[1:] if arguments is None else arguments)])
        sys.stdout.write(write_report(directory, target, command, sections, ended_by).read_text())
    return 1 if ended_by else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="loadtest", description=__doc__)
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help=f"some of {', '.join(_SCENARIOS)}; all unless said"
    )
    parser.add_argument(
        "--url", type=lambda url: url.rstrip("/"), help="of a running service; without it a fleet is started"
    )
    parser.add_argument("--uploads", type=int, default=150, help="requests a step of scenario 1")
    parser.add_argument("--files", type=int, default=100, help="files of scenario 2")
    parser.add_argument("--minutes", type=float, default=3, help="length of scenario 3, the soak; an hour shows more")
    parser.add_argument("--clips", type=int, default=1000, help="files of scenario 4, the spike; 10000 shows more")
    parser.add_argument(
        "--report",
        type=Path,
        help=f"directory of the report (docs/reports; of some scenarios alone, in other sizes or elsewhere {_REPORT_OF_A_PART})",
    )
    return parser


def _has_other_sizes(given: argparse.Namespace) -> bool:
    usual = _parser().get_default
    return any(getattr(given, name) != usual(name) for name in _SIZES)


def _measured(given: argparse.Namespace, directory: Path, url: str, cluster: Cluster | None) -> Iterator[Section]:
    wanted = given.scenarios or _SCENARIOS
    sound = sound_file(directory)
    if "uploads" in wanted:
        with _no_worker(cluster), _uploader(url, cluster) as uploader:
            parts = _monitor(url, cluster).parts
            yield uploads(uploader, sound, given.uploads, parts)
            _analyse(cluster)
            yield lists(uploader, parts)
    if "conversions" in wanted:
        with _uploader(url, cluster) as uploader:
            yield conversions(uploader, sound, given.files, _monitor(url, cluster))
    if "soak" in wanted:
        yield soak(url, directory, given.minutes, _monitor(url, cluster))
    if "spike" in wanted:
        with _uploader(url, cluster) as uploader:
            yield spike(uploader, directory, given.clips, _monitor(url, cluster))


@contextmanager
def _uploader(url: str, cluster: Cluster | None) -> Iterator[Client]:
    """A new account. Elsewhere nothing of it is left behind, and the next scenario doesn't wait for it; our own fleet is thrown away whole."""
    client = Client.signed_up(url)
    try:
        yield client
    finally:
        if cluster is None:
            client.delete_after(0)


def _analyse(cluster: Cluster | None) -> None:
    """As PostgreSQL does by itself within a minute: until then it takes the tables for small."""
    if cluster is not None:
        with cluster.queries() as run:
            run("ANALYZE")


def _monitor(url: str, cluster: Cluster | None) -> Monitor:
    if cluster is None:
        return Monitor(url)
    return Monitor(url, lambda: parts_of(cluster), cluster.data)


@contextmanager
def _no_worker(cluster: Cluster | None) -> Iterator[None]:
    """What was uploaded meanwhile is cancelled at the end: it would else be converted during the next scenario."""
    if cluster is None:
        yield
        return
    cluster.parts["worker-1"].stop()
    yield
    with cluster.queries() as run:
        run("UPDATE tasks SET status = 'cancelled', finished_at = created_at WHERE status = 'uploaded'")
    cluster.redis.client().flushall()
    cluster.parts["worker-1"].start()


def _described(url: str | None, cluster: Cluster | None) -> str:
    if cluster is None:
        return f"at {url}"
    with cluster.queries() as run:
        postgres = run("SHOW server_version").scalar_one()
    redis = cluster.redis.client().info("server")
    name = "Valkey" if "valkey_version" in redis else "Redis"
    version = redis.get("valkey_version", redis["redis_version"])
    return (
        f"a fleet on loopback (PostgreSQL {postgres}, {name} {version}, an API with a process a core, one worker), "
        f"beside ffmpeg {ffmpeg_version()}; load and service share the cores"
    )


@contextmanager
def _target(url: str | None) -> Iterator[tuple[str, Cluster | None]]:
    if url:
        try:
            httpx.get(f"{url}/health/ready", timeout=30).raise_for_status()
        except httpx.HTTPError as error:
            raise SystemExit(f"loadtest: no service is ready at {url}: {error}") from error
        yield url, None
        return
    with running_fleet() as cluster:
        yield cluster.api_urls[0], cluster


if __name__ == "__main__":
    raise SystemExit(main())
