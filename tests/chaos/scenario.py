"""One fault, one fleet, one load, one check."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.cluster import Cluster, running_cluster
from tests.chaos.faults import Fault
from tests.chaos.hosts import Hosts
from tests.chaos.invariants import check, settle
from tests.chaos.load import Load
from tests.disks import small_disk

UPLOADS = 12
_BEFORE_THE_STRIKE_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a fault. ``violations`` each begin with the invariant that didn't hold."""

    fault: str
    uploads: int
    tasks: int
    refused: int
    seconds: float
    violations: tuple[str, ...]


def run_fault(
    fault: Fault,
    seed: int = 1,
    hosts: Hosts | None = None,
    uploads: int = UPLOADS,
    settings: Mapping[str, str] | None = None,
) -> Outcome:
    """Start a fleet with ``settings`` over the usual ones, load it, strike, and check all invariants."""
    began = time.monotonic()
    with _disk(fault) as data, running_cluster(hosts, data, settings, in_bucket=fault.in_bucket) as cluster:
        fault.prepare(cluster)
        load = Load(cluster, seed, uploads, fault.twice)
        load.start()
        try:
            with _kept_alive(cluster):
                time.sleep(_BEFORE_THE_STRIKE_SECONDS)
                fault.strike(cluster)
                tasks = settle(load)
            violations = check(cluster, load, tasks)
        finally:
            load.finish()
        if not fault.struck(cluster):
            violations.append("?? the fault hit nothing")
        if violations:
            cluster.show_logs()
    count = sum(len(each.task_ids) for each in load.acknowledged)
    return Outcome(fault.name, len(load.acknowledged), count, load.refused, time.monotonic() - began, tuple(violations))


@contextmanager
def _disk(fault: Fault) -> Iterator[Path | None]:
    if not fault.needs_disk:
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix="soundmill-disk-", dir="/tmp") as name,
        small_disk(Path(name) / "data", "size=120m,nr_inodes=2000") as data,
    ):
        yield data


@contextmanager
def _kept_alive(cluster: Cluster) -> Iterator[None]:
    """Start again what has died, as systemd or Kubernetes does."""
    stop = threading.Event()

    def keep() -> None:
        while not stop.wait(0.5):
            for part in cluster.parts.values():
                if part.has_ended:
                    part.start()

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join()
