"""Claims and lists in databases of a thousand to a million tasks, in turns: what the number of rows costs."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from matplotlib.figure import Figure
from sqlalchemy import create_engine, make_url, text

from benchmarks.part import Part, Scope
from benchmarks.rows import fill
from soundmill.adapters.database import Database, DatabaseAccounts, DatabaseBoard, DatabaseTasks, sqlite_url, upgrade
from soundmill.model.tasks import RetryRule, TaskStatus
from soundmill.service.ports import NamedFile, PageRequest
from tests.builders import order, stored_file
from tests.servers import postgresql

SIZES = (1_000, 10_000, 100_000, 1_000_000)
_CALLS = 40
_PAGE = 100
_WAITING_SHARE = 0.01

type Milliseconds = dict[str, list[float]]
type Opener = Callable[[int], Database]


def listing(scope: Scope, sizes: tuple[int, ...] = SIZES) -> Part:
    """Tasks of which 99 in 100 are done, nearly all of one account; each round asks every database the same."""
    part = Part("Claims and lists by rows")
    rows = []
    figure = Figure(figsize=(9, 5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (name, opened) in zip(panels, (("SQLite", _sqlite), ("PostgreSQL", _postgresql)), strict=True):
        with opened() as open_database:
            by_size = _measured(open_database, sizes, scope.rounds)
        first, last = by_size[sizes[0]], by_size[sizes[-1]]
        for call in first:
            medians = [statistics.median(by_size[size][call]) for size in sizes]
            quotients = (many / few for many, few in zip(last[call], first[call], strict=True))
            ratio = part.ratio(f"{name}, {call}", quotients, more_is_better=False)
            rows.append((name, call, *(f"{each:.2f}" for each in medians), ratio))
            axes.plot(sizes, medians, marker="o", label=call)
        axes.set(title=name, xscale="log", xlabel="tasks")
        axes.grid(alpha=0.3)
    panels[0].set(ylabel="median ms", ylim=(0, None))  # once all is drawn: the panels share it
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small")
    part.say(
        f"Of the tasks {1 - _WAITING_SHARE:.0%} are processed and all but {_PAGE} are one account's. Milliseconds, medians of {_CALLS} calls in each of "
        f"{scope.rounds} rounds, in which the databases are asked in turns; a list's page has {_PAGE} tasks."
    )
    part.table(("database", "call", *(f"{size:,} tasks" for size in sizes), "last : first"), rows)
    part.plot("benchmarks-listing", figure, "Milliseconds against the number of tasks")
    return part


def _measured(open_database: Opener, sizes: tuple[int, ...], rounds: int) -> dict[int, Milliseconds]:
    calls = {size: _calls(open_database(size), size) for size in sizes}
    found: dict[int, Milliseconds] = {size: {call: [] for call in calls[size]} for size in sizes}
    for _ in range(rounds):
        for call in calls[sizes[0]]:
            for size, median in _medians({size: calls[size][call] for size in sizes}).items():
                found[size][call].append(median)
    return found


def _calls(database: Database, size: int) -> dict[str, Callable[[], object]]:
    """What is asked of a database, which is filled first. As many tasks are claimed as are submitted: the size stays what it is."""
    upgrade(database)
    owner, other = (
        DatabaseAccounts(database).add(name, f"{name}@example.org", "hash").id for name in ("owner", "other")
    )
    waiting = round(size * _WAITING_SHARE)
    fill(database, other, _PAGE, TaskStatus.PROCESSED)
    fill(database, owner, size - waiting - _PAGE, TaskStatus.PROCESSED)
    fill(database, owner, waiting, TaskStatus.UPLOADED)
    store = DatabaseTasks(database, queue_cap=2 * size)
    board = DatabaseBoard(database, lease=timedelta(hours=1), retries=RetryRule())

    def page(account: int, after: int | None = None, status: TaskStatus | None = None) -> Callable[[], object]:
        return lambda: store.page(account, PageRequest(_PAGE, descending=True, after=after, status=status))

    return {
        "submit": lambda: store.submit(owner, [NamedFile("song.wav", stored_file())], (order("mp3"),)),
        "claim": lambda: board.claim(f"worker {time.monotonic_ns()}"),
        "first page": page(owner),
        "first page of another's hundred": page(other),
        "page in the middle": page(owner, after=size // 2),
        "first page of the processed": page(owner, status=TaskStatus.PROCESSED),
        "page of the failed, of which there are none": page(owner, status=TaskStatus.FAILED),
    }


def _medians(calls: dict[int, Callable[[], object]]) -> dict[int, float]:
    """In turns call by call, so that whatever else the machine does meets them all."""
    taken: dict[int, list[float]] = {size: [] for size in calls}
    for _ in range(_CALLS):
        for size, call in calls.items():
            began = time.perf_counter()
            call()
            taken[size].append(time.perf_counter() - began)
    return {size: 1000 * statistics.median(each) for size, each in taken.items()}


@contextmanager
def _sqlite() -> Iterator[Opener]:
    with tempfile.TemporaryDirectory(prefix="soundmill-rows-") as name, ExitStack() as stack:
        yield lambda size: _kept(stack, Database(sqlite_url(Path(name) / f"{size}.db")))


@contextmanager
def _postgresql() -> Iterator[Opener]:
    with postgresql() as url, ExitStack() as stack:

        def open_database(size: int) -> Database:
            engine = create_engine(url, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE rows_{size}"))
            engine.dispose()
            return _kept(stack, Database(make_url(url).set(database=f"rows_{size}")))

        yield open_database


def _kept(stack: ExitStack, database: Database) -> Database:
    stack.callback(database.dispose)
    return database
