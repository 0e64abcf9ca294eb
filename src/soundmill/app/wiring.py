"""Everything that a process may need, made by the settings.

:class:`App` makes each part when it is first asked for, so that a worker never opens what only the API needs. The programs
themselves are in :mod:`soundmill.daemons`, :mod:`soundmill.fleet` and :mod:`soundmill.web.server`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import structlog

from soundmill.adapters.board import HttpBoard, HttpSeats, WorkerClient
from soundmill.adapters.converter import MillConverter
from soundmill.adapters.database import (
    Database,
    DatabaseAccounts,
    DatabaseBoard,
    DatabaseEvents,
    DatabaseExpiry,
    DatabaseIdentity,
    DatabaseSeats,
    DatabaseTasks,
    DatabaseUsage,
    DatabaseWaveforms,
    close_to_others,
    sqlite_url,
    upgrade,
)
from soundmill.adapters.doorbell import FifoDoorbell
from soundmill.adapters.metrics import (
    Figures,
    JanitorFigures,
    MeteredBoard,
    MeteredSeats,
    StateCollector,
    TrafficFigures,
    WorkerFigures,
)
from soundmill.adapters.security import Argon2Passwords, JwtMint, WindowThrottle, kept_secret
from soundmill.adapters.storage import DirectoryStorage
from soundmill.app.converting import conversion_limits, open_mill, worker_name
from soundmill.app.files import FileParts
from soundmill.app.tracing import Tracing, tracing_by
from soundmill.engine import has_a_free_core
from soundmill.lifeline import in_own_process
from soundmill.model.errors import ConfigurationError, NoRoom, Unreachable
from soundmill.model.quota import Quota
from soundmill.model.tasks import RetryRule
from soundmill.service.accounts import Accounts
from soundmill.service.belonging import Belonging
from soundmill.service.calling import CallingSeats
from soundmill.service.draining import Drain
from soundmill.service.feed import Feed
from soundmill.service.health import Health
from soundmill.service.helping import Helping
from soundmill.service.ports import (
    Board,
    Converter,
    Doorbell,
    OnceMemory,
    QueueGauge,
    Seats,
    Storage,
    UsageLedger,
    WaveformIndex,
    Workbench,
)
from soundmill.service.retention import Retention
from soundmill.service.sweep import Janitor, JanitorRule
from soundmill.service.tasks import Tasks
from soundmill.service.watch import Watcher
from soundmill.service.work import Worker
from soundmill.settings import Settings

if TYPE_CHECKING:
    from celery import Celery

    from soundmill.adapters.doorbell.broker import CeleryDoorbell

_STORAGE_LOOK_SECONDS = 0.5

_log = structlog.get_logger()


class App:
    """Everything that a process of soundmill may need, by the settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._files = FileParts(settings)

    def prepare(self) -> None:
        """Make the data directory, its secret and the database ready; several may do so at once.

        Raises ``ConfigurationError``.
        """
        self._files.make_data_directory()
        with suppress(NoRoom):  # downloads work, and deleting makes room
            self.storage.check()
        self._derived_key("check")
        self.upgrade_database()
        self.belonging.establish()
        self.database.dispose()

    def make_shared_parts(self) -> None:
        """Those that requests share, before several come at a time: making them at their first use isn't safe among threads."""
        for part in (
            "tasks",
            "accounts",
            "feed",
            "watcher",
            "waveforms",
            "health",
            "board",
            "seats",
            "traffic",
            "tracing",
            "csrf_secret",
        ):
            getattr(self, part)

    def upgrade_database(self) -> bool:
        """Apply the migrations that are missing; several may do so at once. False where a newer version did. Raises ``Unreachable`` without a database."""
        path = self.settings.sqlite_path
        if path:
            self._files.make_data_directory()
            close_to_others(path)
        return upgrade(self.database)

    @cached_property
    def database(self) -> Database:
        """The database of the accounts and tasks."""
        path = self.settings.sqlite_path
        if path is None:
            return Database(self.settings.database_url, connections=self.settings.database_connections)
        # A connection is a file here, not a process of a server.
        return Database(sqlite_url(path), connections=self.settings.api_threads)

    @property
    def storage(self) -> Storage:
        """The files, as the API sees them."""
        return self._files.storage

    @property
    def workbench(self) -> Workbench:
        """The files, as a worker sees them."""
        return self._files.workbench

    def before_forks(self, act: Callable[[App], None]) -> None:
        """Have ``act`` done with this. A process that forks later mustn't speak to a bucket itself: the client's threads don't survive that."""
        if self.settings.storage_url:
            in_own_process(lambda: act(self))
        else:
            act(self)

    @cached_property
    def belonging(self) -> Belonging:
        """Do the database and the files belong together?"""
        return Belonging(DatabaseIdentity(self.database), self._files.mark)

    @cached_property
    def storage_identity(self) -> str:
        """Of the storage of this database. Raises ``ConfigurationError``."""
        return self.belonging.check()

    def check_worker_of_a_fleet(self) -> None:
        """Raises ``ConfigurationError`` where it isn't told how to speak to the API."""
        if not self.settings.effective_api_url:
            raise ConfigurationError("Say where the API is: SOUNDMILL_API_URL or API_INSTANCE_IP.")
        _ = self._worker_secret

    def await_storage(self) -> None:
        """Return when the storage is there and is the right one: it may be mounted, or prepared by the API, after we start."""
        complaint = ""
        while (trouble := self._storage_trouble()) is not None:
            if trouble != complaint:
                complaint = trouble
                places = {} if self._speaks_http else {"database": str(self.database.url)}
                _log.warning("waiting for the storage", detail=trouble, storage=self._files.mark.place, **places)
            time.sleep(_STORAGE_LOOK_SECONDS)

    def _storage_trouble(self) -> str | None:
        try:
            if not self._speaks_http:
                self.belonging.check()
            elif self._files.mark.read() is None:
                return self._strange_storage
        except (ConfigurationError, Unreachable) as error:
            return error.message
        return None

    @property
    def _speaks_http(self) -> bool:
        return bool(self.settings.effective_api_url)

    @property
    def _strange_storage(self) -> str:
        return f"{self._files.mark.place} isn't the API's storage. Is it the right one, and mounted?"

    @cached_property
    def doorbell(self) -> Doorbell:
        """Rings for the workers: by the broker where there is one."""
        return self._broker_doorbell if self.settings.effective_broker_url else self.local_doorbell

    @cached_property
    def local_doorbell(self) -> FifoDoorbell:
        """Wakes the workers of this machine."""
        return FifoDoorbell(self.settings.data_dir / "doorbell")

    @cached_property
    def celery(self) -> Celery:
        """Celery over the broker. Raises ``ConfigurationError`` where there is none."""
        if not self.settings.effective_broker_url:
            raise ConfigurationError("Say where the broker is: SOUNDMILL_BROKER_URL or REDIS_INSTANCE_IP.")
        from soundmill.adapters.doorbell.broker import celery_application

        return celery_application(self.settings.effective_broker_url)

    @cached_property
    def _broker_doorbell(self) -> CeleryDoorbell:
        from soundmill.adapters.doorbell.broker import CeleryDoorbell

        return CeleryDoorbell(self.celery, self.tracing.headers)

    @cached_property
    def board(self) -> DatabaseBoard:
        """The task board, in the database."""
        retries = RetryRule(
            self.settings.most_tries,
            timedelta(seconds=self.settings.retry_pause),
            storage_pause=timedelta(seconds=self.settings.storage_pause),
            storage_patience=timedelta(seconds=self.settings.storage_patience),
        )
        return DatabaseBoard(self.database, lease=timedelta(seconds=self.settings.lease), retries=retries)

    @cached_property
    def seats(self) -> Seats:
        """Seats beside long conversions, to which free workers are called."""
        return CallingSeats(DatabaseSeats(self.database), self.doorbell)

    @cached_property
    def accounts(self) -> Accounts:
        """The use cases of accounts."""
        mint = JwtMint(self._derived_key("tokens"), timedelta(seconds=self.settings.token_lifetime))
        storage = self.settings.limits_storage
        return Accounts(
            DatabaseAccounts(self.database),
            Argon2Passwords(),
            mint,
            self.keys,
            narrow=WindowThrottle(self.settings.login_limit, storage, processes=self.settings.api_processes),
            wide=WindowThrottle(self.settings.login_limit_wide, storage, processes=self.settings.api_processes),
        )

    @cached_property
    def tasks(self) -> Tasks:
        """The use cases of tasks."""
        patience = timedelta(seconds=self.settings.orphan_age / 2)
        return Tasks(self._task_rows, self._task_rows, self.storage, self.doorbell, patience)

    @cached_property
    def waveforms(self) -> WaveformIndex:
        """What sounds look like."""
        return DatabaseWaveforms(self.database)

    @cached_property
    def watcher(self) -> Watcher:
        """Waits for tasks."""
        return Watcher(self._task_rows, most=max(1, self.settings.api_threads // 2))

    @cached_property
    def feed(self) -> Feed:
        """Tells of tasks as things happen to them."""
        return Feed(DatabaseEvents(self.database), self._task_rows, most=max(1, self.settings.api_threads // 4))

    @cached_property
    def health(self) -> Health:
        """Tries each part that the API needs."""
        # Without the broker uploads are accepted and downloads work all the same: no reason to send clients away.
        useful = {"disk": self.storage.check}
        if self.settings.effective_broker_url:
            useful["broker"] = self._broker_doorbell.check
        return Health({"database": self.database.check, "storage": self._check_storage}, useful)

    def _check_storage(self) -> None:
        with suppress(NoRoom):
            self.storage.check()

    @property
    def queue(self) -> QueueGauge:
        """How the queue stands."""
        return self.board

    @cached_property
    def traffic(self) -> TrafficFigures:
        """Counts what the API answers."""
        return TrafficFigures(self._figures.registry)

    @cached_property
    def tracing(self) -> Tracing:
        """Follows requests to their conversions, where the environment says so."""
        return tracing_by(os.environ)

    @cached_property
    def janitor_figures(self) -> JanitorFigures:
        """Counts what the janitor makes good."""
        return JanitorFigures(self._figures.registry)

    def metrics(self) -> bytes:
        """What this process and those that count with it did, and how things stand, for Prometheus."""
        room = self.storage.room if isinstance(self.storage, DirectoryStorage) else None
        return self._figures.text(StateCollector(self.queue, self.health, room))

    def serve_metrics(self) -> None:
        """What this process and those that count with it did, on a port of their own where one is set. Raises ``ConfigurationError``."""
        if self.settings.metrics_port:
            self._figures.serve(self.settings.metrics_host, self.settings.metrics_port)

    @cached_property
    def _figures(self) -> Figures:
        return Figures()

    @cached_property
    def janitor(self) -> Janitor:
        """The sweeps."""
        return Janitor(
            self.board,
            self._task_rows,
            self.storage,
            self.workbench,
            self.doorbell,
            self.belonging,
            JanitorRule(
                ring_after=timedelta(seconds=self.settings.ring_after),
                orphan_age=timedelta(seconds=self.settings.orphan_age),
                scratch_age=timedelta(seconds=self.settings.scratch_age),
            ),
        )

    @cached_property
    def retention(self) -> Retention:
        """Removes what is kept no longer."""
        return Retention(
            DatabaseExpiry(self.database),
            DatabaseAccounts(self.database),
            self._task_rows,
            DatabaseEvents(self.database),
            DatabaseSeats(self.database),
            self.storage,
            self.keep,
        )

    @property
    def keep(self) -> timedelta | None:
        """How long tasks stay after their end; ``None`` for ever."""
        return timedelta(seconds=self.settings.keep) if self.settings.keep else None

    @cached_property
    def usage(self) -> UsageLedger:
        """How many bytes each account's files take."""
        return DatabaseUsage(self.database)

    @property
    def quota(self) -> Quota:
        """How many they may take."""
        return Quota(self.settings.quota or None)

    @property
    def keys(self) -> OnceMemory:
        """Idempotency keys that came."""
        return self._task_rows

    @cached_property
    def csrf_secret(self) -> bytes:
        """What the page's CSRF tokens are made with."""
        return self._derived_key("csrf")

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """A worker with its own warm engine. Raises ``ConfigurationError`` where conversions can't be confined."""
        # The engine's process starts before anything else is open: it inherits nothing of the database.
        with open_mill(self.settings) as mill:
            figures = WorkerFigures(self._figures.registry)
            metered = MeteredBoard(self._workers_board, figures)
            board, converter = self.tracing.follow(metered, MillConverter(mill, conversion_limits(self.settings)))
            yield self._worker_with(board, converter, figures)
        self.tracing.flush()

    def _worker_with(self, board: Board, converter: Converter, figures: WorkerFigures) -> Worker:
        name = worker_name()
        if self.settings.help == "never":
            return Worker(name, board, self.workbench, converter, drain=self._drain)
        is_free = has_a_free_core if self.settings.help == "idle" else lambda: True
        seats = MeteredSeats(self._workers_seats, figures)
        helping = Helping(name, seats, self.workbench, converter, is_free)
        return Worker(name, board, self.workbench, converter, seats, helping, self._drain)

    @cached_property
    def _workers_board(self) -> Board:
        if not self._speaks_http:
            return self.board
        return HttpBoard(self._worker_client, is_stopping=lambda: self._drain.has_begun)

    @cached_property
    def _drain(self) -> Drain:
        return Drain()

    @cached_property
    def _workers_seats(self) -> Seats:
        return HttpSeats(self._worker_client) if self._speaks_http else self.seats

    @cached_property
    def _worker_client(self) -> WorkerClient:
        storage = self._files.mark.read()
        if storage is None:
            raise ConfigurationError(self._strange_storage)
        return WorkerClient(
            self.settings.effective_api_url, self._worker_secret, storage=storage, headers=self.tracing.headers
        )

    @property
    def _worker_secret(self) -> str:
        secret = self.settings.worker_secret.get_secret_value()
        if not secret:
            raise ConfigurationError("Say the worker secret, the same as the API's: SOUNDMILL_WORKER_SECRET.")
        return secret

    @cached_property
    def _task_rows(self) -> DatabaseTasks:
        return DatabaseTasks(
            self.database, queue_cap=self.settings.queue_cap, quota=self.quota, traceparent=self.tracing.traceparent
        )

    def _derived_key(self, purpose: str) -> bytes:
        return hmac.new(self._secret, purpose.encode(), hashlib.sha256).digest()

    @cached_property
    def _secret(self) -> bytes:
        given = self.settings.secret.get_secret_value()
        if self._files.bucket and not given:
            raise ConfigurationError("With a bucket no machine keeps the secret for all: give SOUNDMILL_SECRET.")
        return given.encode() if given else kept_secret(self.settings.data_dir / "secret")
