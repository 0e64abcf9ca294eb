"""A fleet of our own on loopback, as one would run it on machines of their own: one of each part is enough for the cores that are here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from loadtest.monitor import Processes
from soundmill.engine import cores
from soundmill.settings import Settings
from tests.chaos.cluster import Cluster, running_cluster
from tests.chaos.hosts import Loopback

_DEFAULTS = ("api_threads", "lease", "ring_after", "sweep_interval", "file_sweep_interval")
AS_DELIVERED = {
    "SOUNDMILL_API_PROCESSES": str(cores()),
    **{f"SOUNDMILL_{name.upper()}": str(Settings.model_fields[name].default) for name in _DEFAULTS},
}
"""Those of the chaos tests are for short tempers, and looking often isn't free."""


@contextmanager
def running_fleet() -> Iterator[Cluster]:
    """PostgreSQL, Redis, one API with a process a core, one worker with a child a core, and a janitor; stopped in order at the end."""
    settings = {**AS_DELIVERED, "SOUNDMILL_WORKERS": str(cores())}
    with running_cluster(Loopback(is_proxied=False), settings=settings) as cluster:
        cluster.parts["worker-2"].stop()
        cluster.parts["api-2"].stop()
        yield cluster
        cluster.stop()


def parts_of(cluster: Cluster) -> Processes:
    """Its processes now, by what they are part of."""
    found = {"api": cluster.parts["api-1"].tree(), "worker": cluster.parts["worker-1"].tree()}
    return {**found, "janitor": cluster.parts["janitor"].tree(), **_servers(cluster)}


def _servers(cluster: Cluster) -> dict[str, list[psutil.Process]]:
    trees = {}
    for name, process in (("postgresql", cluster.postgres.process), ("redis", cluster.redis.process)):
        root = psutil.Process(process.pid) if process else None
        trees[name] = [root, *root.children(recursive=True)] if root else []
    return trees
