"""``make loadtest``: against a fleet of our own, or with ``--url`` against any address that is yours to load."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtest.client import Client, sound_file
from loadtest.report import write_report
from loadtest.scenarios import conversions, lists, uploads
from soundmill.engine import cores
from tests.chaos.cluster import Cluster, running_cluster
from tests.waiting import until

# As one would run it on machines of their own; those of the chaos tests are for short tempers.
_SETTINGS = {"SOUNDMILL_API_PROCESSES": str(cores()), "SOUNDMILL_API_THREADS": "64", "SOUNDMILL_LEASE": "30"}
_REPORTS = Path(__file__).parents[1] / "docs" / "reports"


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(prog="loadtest", description=__doc__)
    parser.add_argument("--url", help="of a running service; without it a fleet is started")
    parser.add_argument("--uploads", type=int, default=100, help="requests a step of scenario 1")
    parser.add_argument("--files", type=int, default=100, help="files of scenario 2")
    parser.add_argument("--report", type=Path, default=_REPORTS, help="directory of the report")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, _target(given.url) as (url, cluster):
        sound = sound_file(Path(name))
        uploader = Client.signed_up(url)
        if cluster:
            for worker in cluster.workers:
                worker.stop()
        measured = list(uploads(uploader, sound, given.uploads))
        listed = lists(uploader)
        if cluster:
            _forget(cluster)
            cluster.parts["worker-1"].start()
        converted = conversions(Client.signed_up(url), sound, given.files)
        target = (
            f"at {url}"
            if given.url
            else "a fleet on loopback (PostgreSQL, Redis, two APIs of which one is loaded, with a process a core; one worker)"
        )
        page = write_report(given.report, target, measured, listed, converted)
        if cluster:
            cluster.stop()
    sys.stdout.write(page.read_text())


def _forget(cluster: Cluster) -> None:
    """What scenario 1 left in the queue would be converted during scenario 2."""
    with cluster.queries() as run:
        run("UPDATE tasks SET status = 'cancelled' WHERE status = 'uploaded'")
    until(lambda: cluster.redis.client().flushall())


@contextmanager
def _target(url: str | None) -> Iterator[tuple[str, Cluster | None]]:
    if url:
        yield url.rstrip("/"), None
        return
    with running_cluster(settings=_SETTINGS) as cluster:
        yield cluster.api_urls[0], cluster


if __name__ == "__main__":
    main()
