"""Celery's worker goes on consuming, whatever happens to the broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from soundmill.adapters.doorbell.broker import CeleryDoorbell, celery_application
from tests.servers import RedisServer, redis_server
from tests.waiting import until


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture
def process(server: RedisServer, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The worker's own, in a group with its children."""
    command = [sys.executable, "-m", "celery", "-A", "tests.contracts.slow_worker", "--quiet", "worker", "-Q", "batch"]
    command += ["--concurrency", "2", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    environment = {**os.environ, "BROKER": server.url, "DIRECTORY": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def worker(process: subprocess.Popen[bytes], tmp_path: Path) -> Path:
    """Runs two tasks at a time; gives the directory in which they leave their traces."""
    return tmp_path


def test_a_worker_that_was_busy_while_the_broker_was_restarted_hears_again(server: RedisServer, worker: Path) -> None:
    doorbell = CeleryDoorbell(celery_application(server.url))
    (worker / "hold").touch()
    doorbell.ring((1, 2))
    until(lambda: all((worker / f"begun {number}").exists() for number in (1, 2)))
    server.kill()
    (worker / "hold").unlink()
    # What they acknowledge now is lost.
    until(lambda: all((worker / f"done {number}").exists() for number in (1, 2)))
    until(lambda: (worker / "log").read_text().count("Couldn't ack") == 2)
    server.start()

    def heard() -> bool:
        doorbell.ring((3,))
        doorbell.flush()
        return (worker / "done 3").exists()

    until(heard, seconds=60)


def test_a_worker_outlives_a_broker_that_becomes_a_replica_for_a_while(server: RedisServer, worker: Path) -> None:
    """As at a failover: whoever waits there is told, and nothing can be taken until the address leads to a primary again."""
    doorbell = CeleryDoorbell(celery_application(server.url))
    doorbell.ring((1,))
    until(lambda: (worker / "done 1").exists())
    until(lambda: any(each["flags"] == "b" for each in server.client().client_list()))
    server.client().replicaof("127.0.0.1", "1")
    until(lambda: "replica" in (worker / "log").read_text())
    server.client().replicaof("NO", "ONE")

    def heard() -> bool:
        doorbell.ring((2,))
        doorbell.flush()
        return (worker / "done 2").exists()

    until(heard, seconds=30)


def test_a_worker_stops_when_it_is_told_to_though_the_broker_says_nothing(
    server: RedisServer, worker: Path, process: subprocess.Popen[bytes]
) -> None:
    """As where packets are dropped: the connection stands, and nothing comes."""
    CeleryDoorbell(celery_application(server.url)).ring((1,))
    until(lambda: (worker / "done 1").exists())
    until(lambda: any(each["flags"] == "b" for each in server.client().client_list()))
    server.signal(signal.SIGSTOP)
    process.terminate()
    # Supervisors kill after half a minute; the kernel would wait for a quarter of an hour.
    assert process.wait(60) == 0
