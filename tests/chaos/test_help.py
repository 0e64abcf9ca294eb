"""Two workers of a real fleet and a very long file: the free one helps, is killed while it does, and nothing is lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtest.client import Client
from tests.chaos.cluster import Cluster, Part, running_cluster
from tests.chaos.hosts import Loopback
from tests.sounds import decoded, long_music, write
from tests.waiting import until

SECONDS, RATE = 1_800, 16_000
# The machine's load says nothing of parts that share it. And a slow machine loses no lease: each conversion takes one try.
_SETTINGS = {"SOUNDMILL_HELP": "always", "SOUNDMILL_WORKERS": "1", "SOUNDMILL_LEASE": "30"}
_HELPED = "helped another worker"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster(Loopback(is_proxied=False), settings=_SETTINGS) as made:
        yield made
        made.stop()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("long") / "long.wav", long_music(SECONDS, RATE), RATE)


@pytest.mark.timeout(200)
def test_a_free_worker_helps_and_another_goes_on_where_it_is_killed(
    cluster: Cluster, sound: Path, tmp_path: Path
) -> None:
    client = Client.signed_up(cluster.api_urls[0])
    check(client, uploaded(client, sound), tmp_path)
    until(lambda: any(_HELPED in each.log() for each in cluster.workers))

    begun = {each.name: each.log().count("conversion begins") for each in cluster.workers}
    task = uploaded(client, sound)
    owner, helper = until(lambda: sides(cluster, begun))
    with cluster.queries() as query:
        until(lambda: query("SELECT count(*) FROM seats WHERE work IS NOT NULL").scalar())
    helper.signal_all(signal.SIGKILL)
    check(client, task, tmp_path)
    until(lambda: owner.log().count("event=processed") == begun[owner.name] + 1)


def uploaded(client: Client, sound: Path) -> int:
    with client.connection() as connection, sound.open("rb") as file:
        sent = connection.post("/api/tasks", files={"fileName": (sound.name, file)}, data={"newFormat": "mp3"})
        return int(sent.raise_for_status().json()["id"])


def sides(cluster: Cluster, begun: dict[str, int]) -> tuple[Part, Part] | None:
    first, second = cluster.workers
    for owner, helper in ((first, second), (second, first)):
        if owner.log().count("conversion begins") > begun[owner.name]:
            return owner, helper
    return None


def check(client: Client, task_id: int, directory: Path) -> None:
    """It is processed at the first try, and has all of its samples."""

    def ended() -> dict[str, Any] | None:
        task: dict[str, Any] = connection.get(f"/api/tasks/{task_id}").raise_for_status().json()
        return task if task["status"] in ("processed", "failed") else None

    with client.connection() as connection:
        task = until(ended, seconds=90)
        assert (task["status"], task["error"], task["attempts"]) == ("processed", None, 1)
        result = directory / "result.mp3"
        result.write_bytes(connection.get(f"/api/files/{task['resultName']}").raise_for_status().content)
    assert len(decoded(result, channels=1, rate=RATE)) == SECONDS * RATE
