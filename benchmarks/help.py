"""One long file in a fleet: another worker, on a core of its own, is away or free to help."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.engine import encoded, write_music
from benchmarks.part import Part, Scope
from loadtest.apache_benchmark import post
from loadtest.client import Client, multipart, seconds_to_the_end
from loadtest.conversions import wait_for_all
from loadtest.fleet import AS_DELIVERED
from loadtest.uploads import CONTENT_TYPE
from soundmill.engine import cores
from tests.chaos.cluster import Cluster, running_cluster
from tests.chaos.hosts import Loopback
from tests.engine.mills import is_server
from tests.waiting import until

_TARGETS = ("mp3", "m4a", "ogg", "opus")
_LONGEST_SECONDS = 3600
# The load of this machine says nothing of two that share it.
_SETTINGS = {**AS_DELIVERED, "SOUNDMILL_WORKERS": "1", "SOUNDMILL_HELP": "always"}


def help_of_the_fleet(scope: Scope) -> Part:
    """Wall times of the conversion, alone by helped: more is better."""
    minutes = 60 if scope.is_long else 20
    part = Part("One long file, helped by another worker")
    part.say(
        f"A fleet on loopback with two workers, each with one child on one core of its own, and {minutes} minutes of music as FLAC. "
        "Seconds from the request to the verified result, with the other worker stopped and with it there, in turns; the first by the second."
    )
    if cores() < 2:
        part.say("Not measured: this machine has one core.")
        return part
    rows = []
    with tempfile.TemporaryDirectory(prefix="soundmill-help-", dir="/tmp") as name, _two_machines() as cluster:
        sound = encoded(write_music(Path(name) / "music.wav", 60 * minutes), "flac")
        client = Client.signed_up(cluster.api_urls[0])
        for target in _TARGETS:
            taken = [_in_turn(cluster, client, multipart(sound, target), target) for _ in range(scope.rounds)]
            ratio = part.ratio(f"flac to {target}", (alone / helped for alone, helped in taken), more_is_better=True)
            alone, helped = (statistics.median(each) for each in zip(*taken, strict=True))
            rows.append((f"flac to {target}", alone, helped, ratio))
    part.table(("conversion", "alone s", "helped s", "ratio"), rows)
    return part


class _Pinned(Loopback):
    """Each worker is a machine with one core."""

    def prefix(self, name: str, *, unprivileged: bool = False) -> tuple[str, ...]:
        core = {"worker-1": "0", "worker-2": "1"}.get(name)
        return ("taskset", "-c", core) if core else super().prefix(name, unprivileged=unprivileged)


@contextmanager
def _two_machines() -> Iterator[Cluster]:
    with running_cluster(_Pinned(is_proxied=False), settings=_SETTINGS) as cluster:
        cluster.parts["api-2"].stop()
        yield cluster
        cluster.stop()


def _in_turn(cluster: Cluster, client: Client, body: Path, target: str) -> tuple[float, float]:
    other = cluster.parts["worker-2"]
    other.stop()
    alone = _seconds(client, body)
    other.start()
    until(lambda: any(is_server(each) for each in other.tree()))
    helped = _seconds(client, body)
    sys.stderr.write(f"flac to {target}: alone {alone:.1f} s, helped {helped:.1f} s\n")
    return alone, helped


def _seconds(client: Client, body: Path) -> float:
    first = client.newest()
    post(f"{client.url}/api/tasks", body, CONTENT_TYPE, client.token, requests=1, concurrency=1)
    wait_for_all(client, first, _LONGEST_SECONDS)
    (task,) = client.tasks(first)
    if task["status"] != "processed":
        raise RuntimeError(f"{task['status']}: {task['error']}")
    client.delete_after(first)
    return seconds_to_the_end(task)
