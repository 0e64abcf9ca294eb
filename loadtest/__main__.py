"""``make loadtest``: against a fleet of our own on loopback, or with ``--url`` against any address that is yours to load."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

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
_SCENARIOS = ("uploads", "conversions", "soak", "spike")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the report."""
    given = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as name, _target(given.url) as (url, cluster):
        sections = list(_measured(given, Path(name), url, cluster))
    target = (
        f"at {given.url}"
        if given.url
        else "a fleet on loopback (PostgreSQL, Redis, an API with a process a core, one worker)"
    )
    sys.stdout.write(write_report(given.report, target, sections).read_text())


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
    parser.add_argument("--report", type=Path, default=_REPORTS, help="directory of the report")
    return parser


def _measured(given: argparse.Namespace, directory: Path, url: str, cluster: Cluster | None) -> Iterator[Section]:
    wanted = given.scenarios or _SCENARIOS
    if strange := set(wanted) - set(_SCENARIOS):
        raise SystemExit(
            f"loadtest: there is no scenario {', '.join(sorted(strange))}. There are {', '.join(_SCENARIOS)}."
        )
    sound = sound_file(directory)
    if "uploads" in wanted:
        with _no_worker(cluster):
            uploader, parts = Client.signed_up(url), _monitor(url, cluster).parts
            yield uploads(uploader, sound, given.uploads, parts)
            _analyse(cluster)
            yield lists(uploader, parts)
    if "conversions" in wanted:
        yield conversions(Client.signed_up(url), sound, given.files, _monitor(url, cluster))
    if "soak" in wanted:
        yield soak(url, directory, given.minutes, _monitor(url, cluster))
    if "spike" in wanted:
        yield spike(Client.signed_up(url), directory, given.clips, _monitor(url, cluster))


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


@contextmanager
def _target(url: str | None) -> Iterator[tuple[str, Cluster | None]]:
    if url:
        yield url, None
        return
    with running_fleet() as cluster:
        yield cluster.api_urls[0], cluster


if __name__ == "__main__":
    main()
