"""The one place where settings choose adapters and everything is wired.

:class:`App` makes each part when it is first asked for, so that a worker never opens what only the API needs. The programs
themselves are in :mod:`soundmill.daemons`, :mod:`soundmill.fleet` and :mod:`soundmill.web.server`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import structlog
from celery import Celery

from soundmill.adapters.board import HttpBoard
from soundmill.adapters.database import (
    Database,
    DatabaseAccounts,
    DatabaseBoard,
    DatabaseEvents,
    DatabaseExpiry,
    DatabaseIdentity,
    DatabaseTasks,
    DatabaseUsage,
    sqlite_url,
    upgrade,
)
from soundmill.adapters.doorbell import QUEUE, START_CONVERSION, CeleryDoorbell, FifoDoorbell, celery_application
from soundmill.adapters.metrics import (
    Figures,
    JanitorFigures,
    MeteredBoard,
    StateCollector,
    TrafficFigures,
    WorkerFigures,
    shared_figures,
)
from soundmill.adapters.security import Argon2Passwords, JwtMint, WindowThrottle, kept_secret
from soundmill.adapters.storage import DirectoryMark, DirectoryStorage, DirectoryWorkbench
from soundmill.engine import Job, Limits, Mill, idle_cores
from soundmill.model.errors import ConfigurationError, NoRoom, Unreachable
from soundmill.model.formats import TargetFormat
from soundmill.model.options import ConversionOptions
from soundmill.model.quota import Quota
from soundmill.model.sound import ConversionReport
from soundmill.model.tasks import RetryRule
from soundmill.service.accounts import Accounts
from soundmill.service.belonging import Belonging
from soundmill.service.feed import Feed
from soundmill.service.health import Health
from soundmill.service.ports import Board, Doorbell, QueueGauge, UsageLedger
from soundmill.service.retention import Retention
from soundmill.service.sweep import Janitor, JanitorRule
from soundmill.service.tasks import Tasks
from soundmill.service.watch import Watcher
from soundmill.service.work import Worker
from soundmill.settings import Settings, describe_settings, read_settings

_STORAGE_LOOK_SECONDS = 0.5
_SWEEP_FILES_SECONDS = 60

BATCH_QUEUE = QUEUE

_log = structlog.get_logger()

__all__ = [
    "BATCH_QUEUE",
    "START_CONVERSION",
    "App",
    "MillConverter",
    "Settings",
    "conversion_limits",
    "describe_settings",
    "load_settings",
    "open_mill",
    "shared_figures",
]


class App:
    """Everything that a process of soundmill may need, by the settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def prepare(self) -> None:
        """Make the data directory, its secret and the database ready; several may do so at once.

        Raises ``ConfigurationError``.
        """
        with suppress(NoRoom):  # downloads work, and deleting makes room
            self.storage.check()
        self._derived_key("check")
        self.upgrade_database()
        self.belonging.establish()
        self.database.dispose()

    def upgrade_database(self) -> None:
        """Apply the migrations that are missing; several may do so at once. Raises ``Unreachable`` without a database."""
        if path := self.settings.sqlite_path:
            DirectoryStorage(path.parent)  # makes the directory, or says why it can't
        upgrade(self.database)

    @cached_property
    def database(self) -> Database:
        """The database of the accounts and tasks."""
        path = self.settings.sqlite_path
        if path is None:
            return Database(self.settings.database_url, connections=self.settings.database_connections)
        # A connection is a file here, not a process of a server.
        return Database(sqlite_url(path), connections=self.settings.api_threads)

    @cached_property
    def storage(self) -> DirectoryStorage:
        """The files, as the API sees them."""
        return DirectoryStorage(self.settings.data_dir, reserve_bytes=self.settings.storage_reserve)

    @cached_property
    def belonging(self) -> Belonging:
        """Do the database and the files belong together?"""
        return Belonging(DatabaseIdentity(self.database), self._mark)

    @cached_property
    def storage_identity(self) -> str:
        """Of the storage of this database. Raises ``ConfigurationError``."""
        return self.belonging.check()

    def await_storage(self) -> None:
        """Return when the storage is there and is the right one: it may be mounted, or prepared by the API, after we start."""
        complaint = ""
        while (trouble := self._storage_trouble()) is not None:
            if trouble != complaint:
                complaint = trouble
                _log.warning("waiting for the storage", detail=trouble)
            time.sleep(_STORAGE_LOOK_SECONDS)

    def _storage_trouble(self) -> str | None:
        try:
            if not self._speaks_http:
                self.belonging.check()
            elif self._mark.read() is None:
                return f"{self._mark.place} isn't the API's storage. Is it mounted?"
        except (ConfigurationError, Unreachable) as error:
            return error.message
        return None

    @property
    def _speaks_http(self) -> bool:
        return bool(self.settings.effective_api_url)

    @cached_property
    def _mark(self) -> DirectoryMark:
        return DirectoryMark(self.settings.data_dir)

    @cached_property
    def workbench(self) -> DirectoryWorkbench:
        """The files, as a worker sees them."""
        return DirectoryWorkbench(self.settings.data_dir)

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
        return celery_application(self.settings.effective_broker_url)

    @cached_property
    def _broker_doorbell(self) -> CeleryDoorbell:
        return CeleryDoorbell(self.celery)

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
    def accounts(self) -> Accounts:
        """The use cases of accounts."""
        mint = JwtMint(self._derived_key("tokens"), timedelta(seconds=self.settings.token_lifetime))
        storage = self.settings.limits_storage
        return Accounts(
            DatabaseAccounts(self.database),
            Argon2Passwords(),
            mint,
            narrow=WindowThrottle(self.settings.login_limit, storage),
            wide=WindowThrottle(self.settings.login_limit_wide, storage),
        )

    @cached_property
    def tasks(self) -> Tasks:
        """The use cases of tasks."""
        return Tasks(self._task_rows, self._task_rows, self.storage, self.doorbell)

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
    def janitor_figures(self) -> JanitorFigures:
        """Counts what the janitor makes good."""
        return JanitorFigures(self._figures.registry)

    def metrics(self) -> bytes:
        """What this process and those that count with it did, and how things stand, for Prometheus."""
        return self._figures.text(StateCollector(self.queue, self.health, self.storage.room))

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

    @cached_property
    def csrf_secret(self) -> bytes:
        """What the page's CSRF tokens are made with."""
        return self._derived_key("csrf")

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """A worker with its own warm engine. Raises ``ConfigurationError`` where conversions can't be confined."""
        # The engine's process starts before anything else is open: it inherits nothing of the database.
        with open_mill(self.settings) as mill:
            # A container that is started again often has the same process id: what an owner holds must not be another's.
            owner = f"{socket.gethostname()[:64]}:{os.getpid()}:{secrets.token_hex(4)}"
            board = MeteredBoard(self._workers_board, WorkerFigures(self._figures.registry))
            yield Worker(owner, board, self.workbench, MillConverter(mill, conversion_limits(self.settings)))

    @cached_property
    def _workers_board(self) -> Board:
        if not self._speaks_http:
            return self.board
        secret = self.settings.worker_secret.get_secret_value()
        if not secret:
            raise ConfigurationError("Say the worker secret, the same as the API's: SOUNDMILL_WORKER_SECRET.")
        return HttpBoard(self.settings.effective_api_url, secret, storage=self._mark.read())

    @cached_property
    def _task_rows(self) -> DatabaseTasks:
        return DatabaseTasks(self.database, queue_cap=self.settings.queue_cap, quota=self.quota)

    def _derived_key(self, purpose: str) -> bytes:
        return hmac.new(self._secret, purpose.encode(), hashlib.sha256).digest()

    @cached_property
    def _secret(self) -> bytes:
        given = self.settings.secret.get_secret_value()
        return given.encode() if given else kept_secret(self.settings.data_dir / "secret")


class MillConverter:
    """The engine as the service's :class:`~soundmill.service.ports.Converter`."""

    def __init__(self, mill: Mill, limits: Limits) -> None:
        self._mill = mill
        self._limits = limits

    def convert(
        self,
        source: Path,
        directory: Path,
        target: TargetFormat,
        options: ConversionOptions,
        on_tick: Callable[[float], bool],
    ) -> tuple[Path, ConversionReport]:
        """See the port."""
        # Pieces buy latency and not throughput: only cores that would stay idle take part.
        job = Job(source, directory, target, options, self._limits, encoders=idle_cores())
        made = self._mill.convert(job, on_tick)
        return made.path, made.report


def load_settings(**overrides: object) -> Settings:
    """Flags over the environment over ``.env`` over the defaults. Raises ``ConfigurationError``."""
    return read_settings(**overrides)


def open_mill(settings: Settings) -> Mill:
    """A warm engine. Raises ``ConfigurationError`` where conversions can't be confined and that isn't allowed."""
    return Mill(allow_weak_sandbox=settings.allow_weak_sandbox)


def conversion_limits(settings: Settings) -> Limits:
    """What one conversion may use."""
    return Limits(
        memory_bytes=settings.conversion_memory,
        cpu=timedelta(seconds=settings.conversion_cpu),
        wall=timedelta(seconds=settings.conversion_wall),
        output_bytes=settings.conversion_output,
        decoded=timedelta(hours=settings.conversion_hours),
    )
