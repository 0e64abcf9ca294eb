"""The faults: what is done to a fleet under load."""

from __future__ import annotations

import itertools
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from soundmill.adapters.doorbell import START_CONVERSION
from soundmill.adapters.doorbell.broker import celery_application
from soundmill.failpoints import ACTIONS, NAMES
from tests.chaos.cluster import LEASE_SECONDS, Cluster, Part
from tests.chaos.hosts import run
from tests.chaos.load import FINAL, signed_in
from tests.processes import below, kill, runs
from tests.waiting import until

PAST_THE_LEASE_SECONDS = LEASE_SECONDS + 2
_ENOUGH_TASKS = 4
_ENGINE = "soundmill.engine.serving.server"


def nothing(cluster: Cluster) -> None:
    """No fault: the harness itself must find nothing."""


def needs_no_proof(cluster: Cluster) -> bool:
    """What it does can't be missed."""
    return True


@dataclass(frozen=True, slots=True)
class Fault:
    """``prepare`` before the load, ``strike`` in its middle. ``needs_disk`` gives it a small file system of its own (root), ``in_bucket``
    a bucket in place of the shared directory; ``needs_proxies`` tells that it can be done to one host only.

    ``twice``: each upload is sent to both APIs at once, with the same idempotency key. ``struck`` tells afterwards whether it hit what
    it was meant for.
    """

    name: str
    strike: Callable[[Cluster], None] = nothing
    prepare: Callable[[Cluster], None] = nothing
    needs_disk: bool = False
    needs_proxies: bool = False
    twice: bool = False
    struck: Callable[[Cluster], bool] = needs_no_proof
    in_bucket: bool = False


def children_of(part: Part, *, engine: bool) -> list[psutil.Process]:
    """The warm engines of a worker, or Celery's children."""
    return [each for each in part.tree()[1:] if runs(each, _ENGINE) is engine]


def kill_conversion(cluster: Cluster) -> None:
    worker = cluster.workers[0]

    def killed() -> bool:
        if not _is_stopped_with_a_task(cluster, worker):
            return False
        hit = kill(conversions_of(worker)[:1])
        worker.signal_all(signal.SIGCONT)
        return hit > 0

    until(killed, seconds=60)


def engines(part: Part) -> list[psutil.Process]:
    """The warm servers, and not the conversions that they forked."""
    found = children_of(part, engine=True)
    forked = {each for server in found for each in below(server)}
    return [each for each in found if each not in forked]


def conversions_of(part: Part) -> list[psutil.Process]:
    """What a worker's engines have forked: one that waits for the next small file is among them."""
    return [each for server in engines(part) for each in below(server)]


def kill_engine(cluster: Cluster) -> None:
    until(lambda: kill(each for part in cluster.workers for each in engines(part)))


def kill_child(cluster: Cluster) -> None:
    for part in cluster.workers:
        until(partial(_kill_child_of, part))


def _kill_child_of(part: Part) -> bool:
    """One, and not the process that would start it anew."""
    found = children_of(part, engine=False)
    return any(kill([each]) for each in found if not set(found) & set(below(each)))


def kill_worker(cluster: Cluster) -> None:
    part = cluster.workers[0]
    outermost = part.tree()
    part.kill()
    kill(outermost[:2])
    time.sleep(1)
    part.start()


def kill_api(cluster: Cluster) -> None:
    for name in ("api-1", "api-2"):
        cluster.parts[name].kill()
        time.sleep(1)
        cluster.parts[name].start()
        time.sleep(2)


def kill_janitor(cluster: Cluster) -> None:
    for _ in range(3):
        cluster.parts["janitor"].kill()
        cluster.parts["janitor"].start()
        time.sleep(1)


def stop_and_continue(cluster: Cluster) -> None:
    worker = cluster.workers[0]
    until(lambda: _is_stopped_with_a_task(cluster, worker), seconds=60)
    time.sleep(PAST_THE_LEASE_SECONDS)
    worker.signal_all(signal.SIGCONT)


def _is_stopped_with_a_task(cluster: Cluster, worker: Part) -> bool:
    """Else it goes on as if nothing had been. That it has forked says nothing: a process waits there for the next small file."""
    worker.signal_all(signal.SIGSTOP)
    numbers = {str(each.pid) for each in worker.tree()}
    with cluster.queries() as query:
        owners = query("SELECT lease_owner FROM tasks WHERE status = 'processing'").scalars().all()
    if any(owner.split(":")[1] in numbers for owner in owners):
        return True
    worker.signal_all(signal.SIGCONT)
    return False


def a_lease_expired(cluster: Cluster) -> bool:
    """The janitor found a worker silent."""
    return cluster.said("janitor", "leases expired")


def drain(cluster: Cluster) -> None:
    for part in cluster.workers:
        part.restart()


def rolling_restart(cluster: Cluster) -> None:
    for part in cluster.parts.values():
        part.restart()
        time.sleep(1)


def kill_redis(cluster: Cluster) -> None:
    cluster.redis.kill()
    time.sleep(3)
    cluster.redis.start()


def flush_redis(cluster: Cluster) -> None:
    for _ in range(5):
        cluster.redis.client().flushall()
        time.sleep(0.4)


def freeze_redis(cluster: Cluster) -> None:
    cluster.redis.signal(signal.SIGSTOP)
    time.sleep(60)
    cluster.redis.signal(signal.SIGCONT)


def restart_database(cluster: Cluster) -> None:
    cluster.postgres.stop()
    time.sleep(1)
    cluster.postgres.start()


def kill_database(cluster: Cluster) -> None:
    cluster.postgres.kill()
    cluster.postgres.start()


def cut_workers_from_api(cluster: Cluster) -> None:
    with cluster.workers_cut_off_from("api-1"):
        time.sleep(PAST_THE_LEASE_SECONDS)


def cut_workers_from_redis(cluster: Cluster) -> None:
    with cluster.workers_cut_off_from("redis"):
        time.sleep(PAST_THE_LEASE_SECONDS)


def repeat_messages(cluster: Cluster) -> None:
    celery = celery_application(cluster.redis.url)
    for task_id in range(1, 20):
        for _ in range(5):
            celery.send_task(START_CONVERSION, args=[task_id])


def lose_commits(cluster: Cluster) -> None:
    assert cluster.to_postgres
    cluster.to_postgres.lose_commits(every=3)
    time.sleep(6)
    cluster.to_postgres.mend()


def commits_were_lost(cluster: Cluster) -> bool:
    assert cluster.to_postgres
    return cluster.to_postgres.lost_commits > 0


@contextmanager
def filled(data: Path) -> Iterator[None]:
    """No byte is free meanwhile."""
    filler = data / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(1 << 16))
    try:
        yield
    finally:
        filler.unlink()


def fill_disk(cluster: Cluster) -> None:
    with filled(cluster.data):
        until(lambda: disk_was_full(cluster), seconds=60)


def disk_was_full(cluster: Cluster) -> bool:
    """An upload was refused, or a result couldn't be written."""
    return cluster.said("api", "the storage is full") or storage_failed(cluster)


def fill_disk_for_uploads(cluster: Cluster) -> None:
    """In the middle of a body."""
    until(lambda: was_hit(cluster), seconds=60)
    with filled(cluster.data):
        until(lambda: upload_found_it_full(cluster), seconds=60)


def upload_found_it_full(cluster: Cluster) -> bool:
    """An API could not write."""
    return cluster.said("api", "No space left on device")


def fill_disk_for_results(cluster: Cluster) -> None:
    """With sources that are there, and no room for what becomes of them."""
    until(lambda: _waiting(cluster) >= _ENOUGH_TASKS, seconds=60)
    with filled(cluster.data):
        for part in cluster.workers:
            part.start()
        until(lambda: storage_failed(cluster), seconds=60)


def stop_workers(cluster: Cluster) -> None:
    for part in cluster.workers:
        part.stop()


def _waiting(cluster: Cluster) -> int:
    with cluster.queries() as query:
        return int(query("SELECT COUNT(*) FROM tasks WHERE status = 'uploaded'").scalar_one())


def fill_disk_for_publishing(cluster: Cluster) -> None:
    """Once a result is verified: no directory entry can be made for it any more."""
    until(lambda: was_hit(cluster), seconds=60)
    entries = cluster.data / "entries"
    entries.mkdir()
    with suppress(OSError):
        for number in itertools.count():
            (entries / str(number)).touch()
    until(lambda: storage_failed(cluster), seconds=60)
    for each in list(entries.iterdir()):
        each.unlink()
    entries.rmdir()


def storage_failed(cluster: Cluster) -> bool:
    """A worker found it full."""
    return cluster.said("worker", "No space left on device")


def let_a_task_expire(cluster: Cluster) -> None:
    """Another account's, that ended two hours ago by the database's clock."""
    with signed_in(cluster.api_urls[1], "guest") as guest:
        form = {"newFormat": "mp3"}
        task = guest.post("/api/tasks", data=form, files={"fileName": ("text.mp3", b"This is no sound.")})
        path = f"/api/tasks/{task.raise_for_status().json()['id']}"
        until(lambda: guest.get(f"{path}/wait").json()["status"] in FINAL, seconds=60)
        with cluster.queries() as query:
            query(
                "UPDATE tasks SET finished_at = finished_at - 7200000 WHERE account_id = (SELECT MAX(id) FROM accounts)"
            )
        until(lambda: guest.get(path).status_code == 404, seconds=60)


def make_read_only(cluster: Cluster) -> None:
    def remounted() -> bool:
        return (
            subprocess.run(["mount", "-o", "remount,ro", cluster.data], capture_output=True, check=False).returncode
            == 0
        )

    # Refused while a file is open for writing: between two of them it works.
    until(remounted, seconds=60)
    until(lambda: found_it_read_only(cluster), seconds=60)
    run("mount", "-o", "remount,rw", str(cluster.data))


def found_it_read_only(cluster: Cluster) -> bool:
    """A part could not write."""
    return any(cluster.said(kind, "Read-only file system") for kind in ("api", "worker", "janitor"))


def arm(name: str, action: str) -> Callable[[Cluster], None]:
    """Every process that passes there is armed; the first is hit."""

    def prepare(cluster: Cluster) -> None:
        armed = {
            "SOUNDMILL_FAILPOINT": f"{name}:{action}",
            "SOUNDMILL_FAILPOINT_ONCE": str(cluster.directory / "failpoint was here"),
        }
        for part in cluster.parts.values():
            part.environment |= armed
        with ThreadPoolExecutor() as pool:
            list(pool.map(Part.restart, cluster.parts.values()))
        cluster.wait_until_ready()

    return prepare


def was_hit(cluster: Cluster) -> bool:
    """The failpoint was reached."""
    return (cluster.directory / "failpoint was here").exists()


# No lease runs out by itself, and no task of the load is to expire.
_LEADS_TO = {"after_expiry": stop_and_continue, "after_expiry_commit": let_a_task_expire}

FAULTS = (
    Fault("nothing"),
    Fault("SIGKILL of a conversion", kill_conversion),
    Fault("SIGKILL of the warm engines", kill_engine),
    Fault("SIGKILL of a worker's child", kill_child),
    Fault("SIGKILL of a worker", kill_worker),
    Fault("SIGKILL of the APIs", kill_api),
    Fault("SIGKILL of the janitor", kill_janitor),
    Fault("SIGSTOP of a worker past its lease", stop_and_continue, struck=a_lease_expired),
    Fault("SIGTERM of the workers under load", drain),
    Fault("rolling restart of everything", rolling_restart),
    Fault("Redis killed", kill_redis),
    Fault("Redis FLUSHALL", flush_redis),
    Fault("Redis silent for a minute", freeze_redis),
    Fault("PostgreSQL restarted", restart_database),
    Fault("PostgreSQL killed", kill_database),
    Fault("workers cut off from the API", cut_workers_from_api),
    Fault("workers cut off from Redis", cut_workers_from_redis),
    Fault("each message five times", repeat_messages),
    Fault("a task expires", let_a_task_expire),
    Fault("each upload to both APIs at once", twice=True),
    Fault("PostgreSQL's commit answers lost", lose_commits, needs_proxies=True, struck=commits_were_lost),
    Fault("disk full", fill_disk, needs_disk=True, struck=disk_was_full),
    Fault(
        "disk full on upload",
        fill_disk_for_uploads,
        arm("mid_upload", "stall"),
        needs_disk=True,
        struck=upload_found_it_full,
    ),
    Fault("disk full on scratch", fill_disk_for_results, stop_workers, needs_disk=True, struck=storage_failed),
    Fault(
        "disk full on publish",
        fill_disk_for_publishing,
        arm("before_publish", "stall"),
        needs_disk=True,
        struck=storage_failed,
    ),
    Fault("storage read-only", make_read_only, needs_disk=True, struck=found_it_read_only),
    *(
        Fault(f"{name}:{action}", _LEADS_TO.get(name, nothing), arm(name, action), struck=was_hit)
        for name in NAMES
        for action in ACTIONS
    ),
)
