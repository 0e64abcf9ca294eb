"""The one place where settings choose adapters and everything is wired.

:class:`App` makes each part when it is first asked for, so that a worker never opens what only the API needs. The programs
themselves are :func:`run_worker` and :func:`run_janitor` here, and :func:`soundmill.api.server.run_api` for the API.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import signal
import socket
import sys
import threading
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
    DatabaseTasks,
    upgrade,
)
from soundmill.adapters.doorbell import QUEUE, START_CONVERSION, CeleryDoorbell, FifoDoorbell, celery_application
from soundmill.adapters.security import Argon2Passwords, JwtMint, WindowThrottle
from soundmill.adapters.storage import DirectoryStorage, DirectoryWorkbench
from soundmill.engine import Job, Limits, Mill, idle_cores
from soundmill.model.errors import ConfigurationError, Unreachable
from soundmill.model.formats import TargetFormat
from soundmill.model.options import ConversionOptions
from soundmill.model.sound import ConversionReport
from soundmill.model.tasks import RetryRule
from soundmill.service.accounts import Accounts
from soundmill.service.health import Health
from soundmill.service.ports import Board, Doorbell, QueueGauge
from soundmill.service.sweep import Janitor, JanitorRule
from soundmill.service.tasks import Tasks
from soundmill.service.watch import Watcher
from soundmill.service.work import Worker
from soundmill.settings import Settings, describe_settings, read_settings

_IDLE_LOOK = timedelta(seconds=1)
_SWEEP_FILES_SECONDS = 60
_SHORTEST_SECRET = 32

BATCH_QUEUE = QUEUE

_log = structlog.get_logger()

__all__ = [
    "BATCH_QUEUE",
    "START_CONVERSION",
    "App",
    "MillConverter",
    "configure_logs",
    "conversion_limits",
    "describe_settings",
    "load_settings",
    "open_mill",
    "run_janitor",
    "run_worker",
]


class App:
    """Everything that a process of soundmill may need, by the settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def prepare(self) -> None:
        """Make the data directory, its secret and the database ready; several may do so at once.

        Raises ``ConfigurationError``.
        """
        self.storage.check()
        self._derived_key("check")
        self.upgrade_database()

    def upgrade_database(self) -> None:
        """Apply the migrations that are missing; several may do so at once. Raises ``Unreachable`` without a database."""
        upgrade(self.database)
        self.database.dispose()

    @cached_property
    def database(self) -> Database:
        """The database of the accounts and tasks."""
        return Database(self.settings.effective_database_url, connections=self.settings.api_threads)

    @cached_property
    def storage(self) -> DirectoryStorage:
        """The files, as the API sees them."""
        return DirectoryStorage(self.settings.data_dir, reserve_bytes=self.settings.storage_reserve)

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
        retries = RetryRule(self.settings.most_tries, timedelta(seconds=self.settings.retry_pause))
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
        return Watcher(self._task_rows)

    @cached_property
    def health(self) -> Health:
        """Tries each part that the API needs."""
        # Without the broker uploads are accepted and downloads work all the same: no reason to send clients away.
        useful = {"broker": self._broker_doorbell.check} if self.settings.effective_broker_url else {}
        return Health({"database": self.database.check, "storage": self.storage.check}, useful)

    @property
    def queue(self) -> QueueGauge:
        """How the queue stands."""
        return self.board

    @cached_property
    def janitor(self) -> Janitor:
        """The sweeps."""
        accounts = DatabaseAccounts(self.database)
        return Janitor(
            self.board,
            self._task_rows,
            accounts,
            self._task_rows,
            self.storage,
            self.workbench,
            self.doorbell,
            JanitorRule(
                ring_after=timedelta(seconds=self.settings.ring_after),
                orphan_age=timedelta(seconds=self.settings.orphan_age),
                scratch_age=timedelta(seconds=self.settings.scratch_age),
            ),
        )

    @cached_property
    def csrf_secret(self) -> bytes:
        """What the page's CSRF tokens are made with."""
        return self._derived_key("csrf")

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """A worker with its own warm engine. Raises ``ConfigurationError`` where conversions can't be confined."""
        # The engine's process starts before anything else is open: it inherits nothing of the database.
        with open_mill(self.settings) as mill:
            owner = f"{socket.gethostname()[:64]}:{os.getpid()}"
            yield Worker(
                owner, self._workers_board, self.workbench, MillConverter(mill, conversion_limits(self.settings))
            )

    @cached_property
    def _workers_board(self) -> Board:
        if not self.settings.effective_api_url:
            return self.board
        secret = self.settings.worker_secret.get_secret_value()
        if len(secret) < _SHORTEST_SECRET:
            raise ConfigurationError(f"SOUNDMILL_WORKER_SECRET needs at least {_SHORTEST_SECRET} characters.")
        return HttpBoard(self.settings.effective_api_url, secret)

    @cached_property
    def _task_rows(self) -> DatabaseTasks:
        return DatabaseTasks(self.database, queue_cap=self.settings.queue_cap)

    def _derived_key(self, purpose: str) -> bytes:
        return hmac.new(self._secret, purpose.encode(), hashlib.sha256).digest()

    @cached_property
    def _secret(self) -> bytes:
        given = self.settings.secret.get_secret_value()
        secret = given.encode() if given else _kept_secret(self.settings.data_dir / "secret")
        if len(secret) < _SHORTEST_SECRET:
            raise ConfigurationError(f"SOUNDMILL_SECRET needs at least {_SHORTEST_SECRET} characters.")
        return secret


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


def run_worker(settings: Settings) -> None:
    """Take due work from the database of this machine until SIGTERM, then drain."""
    configure_logs(settings)
    app = App(settings)
    with app.worker() as worker, _signal_pipe() as woken:

        def drain(number: int, frame: object) -> None:
            worker.drain(timedelta(seconds=settings.drain_seconds))

        signal.signal(signal.SIGTERM, drain)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor says when to stop
        _log.info("worker ready")
        while not worker.draining:
            if not _worked(worker):
                app.local_doorbell.wait(_IDLE_LOOK, woken)


def _worked(worker: Worker) -> bool:
    try:
        return worker.work()
    except Unreachable as error:
        _log.warning("no task taken: the API doesn't answer", detail=error.detail_for_log)
        return False


def run_janitor(settings: Settings) -> None:
    """Sweep until SIGTERM. A database, broker or storage that fails is asked again at the next round."""
    configure_logs(settings)
    app = App(settings)
    app.upgrade_database()
    janitor = app.janitor
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    files_swept_at = time.monotonic() - settings.file_sweep_interval
    while not stop.is_set():
        _tried(janitor.sweep_leases)
        _tried(janitor.sweep_rings)
        if time.monotonic() - files_swept_at >= settings.file_sweep_interval:
            files_swept_at = time.monotonic()
            _tried(janitor.sweep_files)
            _tried(janitor.sweep_memory)
        stop.wait(settings.sweep_interval)


def _tried(sweep: Callable[[], object]) -> None:
    try:
        sweep()
    except Unreachable as error:
        _log.warning(error.message, detail=error.detail_for_log)
    except Exception:  # noqa: BLE001 - the janitor makes everything else good again: nothing may end it for long
        _log.exception("a sweep failed")


def configure_logs(settings: Settings) -> None:
    """One line an event, to standard error, with the time and the level."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


@contextmanager
def _signal_pipe() -> Iterator[int]:
    """A descriptor that becomes readable when a signal arrives, so that a wait can't miss it."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    try:
        yield readable
    finally:
        signal.set_wakeup_fd(-1)
        os.close(readable)
        os.close(writable)


def _kept_secret(path: Path) -> bytes:
    """The secret of this installation, made at the first start. Readable for its owner only."""
    if not path.exists():
        with suppress(FileExistsError):
            _write_whole(path, secrets.token_hex(32).encode())
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"Can't read the secret {path}: {error.strerror}.") from error


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
    try:
        os.link(temporary, path)  # unlike a rename it never replaces what another process just made
    finally:
        temporary.unlink()
