"""What the queue costs: submit, claim and list against the number of waiting tasks, and how soon a worker begins.

``make bench-queue`` writes ``benchmarks/results/queue.md`` and ``queue.svg``.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import matplotlib as mpl

from benchmarks.rows import fill
from soundmill.adapters.database import Database, DatabaseAccounts, DatabaseBoard, DatabaseTasks, sqlite_url, upgrade
from soundmill.adapters.doorbell import FifoDoorbell
from soundmill.adapters.doorbell.broker import CeleryDoorbell, celery_application
from soundmill.adapters.storage import DirectoryStorage
from soundmill.app import App, load_settings
from soundmill.model.tasks import RetryRule, TaskStatus, TaskView
from soundmill.service.ports import Doorbell, NamedFile, PageRequest
from tests.builders import order, stored_file
from tests.chaos.cluster import running_cluster
from tests.chaos.hosts import Loopback
from tests.servers import postgresql
from tests.sounds import music, write
from tests.waiting import until

mpl.use("svg")
import matplotlib.pyplot as plt

SIZES = (100, 1_000, 10_000, 100_000)
ROUNDS = 200
PAGE = 100
RESULTS = Path(__file__).with_name("results")
_ACCOUNTS = 50

type Series = dict[str, list[float]]


def main() -> None:
    """Measure, print, write."""
    RESULTS.mkdir(exist_ok=True)
    lines = [
        "# What the queue costs",
        "",
        f"{os.cpu_count()} cores, Python {platform.python_version()}. Median milliseconds of {ROUNDS} calls each, in one run.",
        "",
        "| database | call | " + " | ".join(f"{size:,} waiting" for size in SIZES) + " | ratio last : first |",
        "| --- | --- |" + " --- |" * (len(SIZES) + 1),
    ]
    figure, axes = plt.subplots(figsize=(7, 4))
    for name, open_database in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with open_database() as database:
            for call, milliseconds in _by_size(database).items():
                shown = " | ".join(f"{each:.2f}" for each in milliseconds)
                lines.append(f"| {name} | {call} | {shown} | {milliseconds[-1] / milliseconds[0]:.2f} |")
                axes.plot(SIZES, milliseconds, marker="o", label=f"{name}: {call}")
    lines += ["", *_latency()]
    axes.set(xscale="log", xlabel="waiting tasks", ylabel="median ms", ylim=(0, None))
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(RESULTS / "queue.svg", metadata={"Date": None})
    page = "\n".join([*lines, "", "![Milliseconds against waiting tasks](queue.svg)", ""])
    (RESULTS / "queue.md").write_text(page)
    sys.stdout.write(page)


def _by_size(database: Database) -> Series:
    found: Series = {"submit": [], "claim": [], "first page of the list": []}
    upgrade(database)
    store = DatabaseTasks(database, queue_cap=10_000_000)
    board = DatabaseBoard(database, lease=timedelta(hours=1), retries=RetryRule())
    accounts = [
        DatabaseAccounts(database).add(f"user{number}", f"user{number}@example.org", "hash").id
        for number in range(_ACCOUNTS)
    ]
    reader = DatabaseAccounts(database).add("reader", "reader@example.org", "hash").id
    fill(database, reader, PAGE, TaskStatus.UPLOADED)
    waiting = 0
    for size in SIZES:
        fill(database, accounts[0], size - waiting, TaskStatus.UPLOADED, accounts=_ACCOUNTS)
        waiting = size
        found["submit"].append(
            _median(
                lambda number: store.submit(
                    accounts[number % _ACCOUNTS], [NamedFile("song.wav", stored_file())], (order("mp3"),)
                )
            )
        )
        # As many are claimed as were submitted: the size stays what it is.
        found["claim"].append(_median(lambda number, size=size: board.claim(f"{size}-{number}")))  # type: ignore[misc]
        found["first page of the list"].append(
            _median(lambda number: store.page(reader, PageRequest(PAGE, descending=True)))
        )
    return found


def _median(call: Callable[[int], object]) -> float:
    taken = []
    for number in range(ROUNDS):
        began = time.perf_counter()
        call(number)
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken)


def _latency() -> list[str]:
    """How long after the ring a worker has claimed the task, when all is idle."""
    with running_cluster(Loopback(is_proxied=False)) as cluster:
        database = Database(cluster.postgres.url)
        doorbell = CeleryDoorbell(celery_application(cluster.redis.url))
        fleet = _ring_to_claim(database, cluster.data, doorbell)
        database.dispose()
        cluster.stop()
    with tempfile.TemporaryDirectory() as name, _one_machine(Path(name)) as database:
        local = _ring_to_claim(database, Path(name), FifoDoorbell(Path(name) / "doorbell"))
    return [
        "From the ring to a worker's claim, one task after another on idle parts, in milliseconds:",
        "",
        "| | median | 95 % within |",
        "| --- | --- | --- |",
        f"| a fleet: Celery over Redis, claims over HTTP, PostgreSQL | {fleet} |",
        f"| one machine: the named pipe, SQLite | {local} |",
    ]


def _ring_to_claim(database: Database, data: Path, doorbell: Doorbell) -> str:
    """``started_at`` is the database's clock at the claim; all here share the machine's."""
    store = DatabaseTasks(database, queue_cap=1000)
    storage = DirectoryStorage(data, reserve_bytes=0)
    owner = DatabaseAccounts(database).add("bench", "bench@example.org", "hash").id
    clip = write(data / "clip.wav", music(0.1)).read_bytes()
    waits = []
    for _ in range(ROUNDS):
        incoming = storage.create(len(clip))
        incoming.write(clip)
        task = store.submit(owner, [NamedFile("clip.wav", incoming.commit())], (order("flac"),))[0]
        rung = time.time()
        doorbell.ring((task.id,))
        seen = until(partial(_ended, store, owner, task.id))
        assert seen.started_at is not None
        waits.append(1000 * (seen.started_at.timestamp() - rung))
    late = statistics.quantiles(waits, n=20)[-1]
    return f"{statistics.median(waits):.1f} | {late:.1f}"


def _ended(store: DatabaseTasks, owner: int, task_id: int) -> TaskView | None:
    task = store.get(owner, task_id)
    return task if task.status is TaskStatus.PROCESSED else None


@contextmanager
def _one_machine(data: Path) -> Iterator[Database]:
    """A local worker beside us."""
    app = App(load_settings(data_dir=data, workers=1))
    app.prepare()
    worker = subprocess.Popen([sys.executable, "-m", "soundmill", "worker", "--data-dir", str(data)], cwd=data)
    try:
        yield Database(sqlite_url(data / "soundmill.db"))
    finally:
        worker.terminate()
        worker.wait()


@contextmanager
def _sqlite() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as name:
        database = Database(f"sqlite:///{name}/bench.db")
        yield database
        database.dispose()


@contextmanager
def _postgresql() -> Iterator[Database]:
    with postgresql() as url:
        database = Database(url)
        yield database
        database.dispose()


if __name__ == "__main__":
    main()
