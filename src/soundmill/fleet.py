"""A worker of several machines: ``soundmill worker``, or ``celery -A soundmill.fleet worker -Q batch``.

Celery's child processes convert, each with a warm engine and an HTTP connection of its own. A message says that there may be work;
which task is converted is what the fair queue answers to the claim.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import structlog
from celery import Task
from celery.signals import (
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutdown,
    worker_shutting_down,
)

from soundmill.app import BATCH_QUEUE, START_CONVERSION, App, load_settings, open_mill, shared_figures
from soundmill.engine import cores
from soundmill.lifeline import CANNOT_START
from soundmill.logs import configure_logs
from soundmill.model.errors import ConfigurationError
from soundmill.service.work import Worker

_settings = load_settings()
_log = structlog.get_logger()
# Written to once, when the worker stops, and never emptied: every child sees it readable from then on.
_stopping, _stop = os.pipe()
_until_shutdown = ExitStack()

celery = App(_settings).celery


class _Child:
    """What one process converts with, made at its first use: nothing of it crosses a fork."""

    def __init__(self) -> None:
        self._app = App(_settings)
        self._open = ExitStack()
        self._worker: Worker | None = None
        self._is_busy = False
        self._is_draining = False

    def work(self, headers: Mapping[str, str]) -> None:
        if self._is_draining:
            return  # the janitor rings again, for others
        self._is_busy = True
        try:
            worker = self._ready_worker()
            with self._app.tracing.received(BATCH_QUEUE, headers):
                worker.work()
        except ConfigurationError as error:
            _log.error("no task taken", error=error.message, detail=error.detail_for_log)
        finally:
            self._is_busy = False

    def prepare(self) -> None:
        signal.signal(signal.SIGTERM, self._terminated)
        threading.Thread(target=self._await_stop, name="drain", daemon=True).start()
        self._ready_worker()

    def close(self) -> None:
        self._worker = None
        self._open.close()

    def _ready_worker(self) -> Worker:
        if self._worker is None:
            self._worker = self._open.enter_context(self._app.worker())
        return self._worker

    def _drain(self) -> None:
        self._is_draining = True
        if self._worker is not None:
            self._worker.drain(timedelta(seconds=_settings.drain_seconds))

    def _await_stop(self) -> None:
        select.select([_stopping], [], [])
        self._drain()

    def _terminated(self, number: int, frame: object) -> None:
        self._drain()
        if not self._is_busy:
            sys.exit(0)


_child = _Child()


@celery.task(name=START_CONVERSION, ignore_result=True, bind=True)
def start_conversion(task: Task[Any, None], task_id: int) -> None:
    """There may be work: take the next due task and convert it. ``task_id`` is the one that was rung for."""
    _child.work(task.request.headers or {})


@worker_init.connect
def _prepare(**given: Any) -> None:
    configure_logs(_settings.log_level, _settings.log_format)
    try:
        _check()
        App(_settings).before_forks(App.await_storage)
        _tell_figures()
    except ConfigurationError as error:
        sys.stderr.write(f"soundmill: {error.message}\n")
        raise SystemExit(CANNOT_START) from error


def _check() -> None:
    # Once, and not by each child: a setting is missing, or conversions can't be confined.
    App(_settings).check_worker_of_a_fleet()
    open_mill(_settings).close()


def _tell_figures() -> None:
    # Before the children are forked: they inherit the place where all count.
    if _settings.metrics_port:
        _until_shutdown.enter_context(shared_figures())
        App(_settings).serve_metrics()


@worker_shutdown.connect
def _forget_figures(**given: Any) -> None:
    _until_shutdown.close()


@worker_process_init.connect
def _prepare_child(**given: Any) -> None:
    configure_logs(_settings.log_level, _settings.log_format)
    _child.prepare()


@worker_process_shutdown.connect
def _close_child(**given: Any) -> None:
    _child.close()


@worker_shutting_down.connect
def _drain_children(**given: Any) -> None:
    os.write(_stop, b"\0")


def run_fleet_worker() -> None:
    """Take work from the broker until SIGTERM, then drain. Exits with :data:`CANNOT_START` where something is set up wrong."""
    arguments = ["--quiet", "worker", "--queues", BATCH_QUEUE, "--loglevel", "WARNING", "--pool", "prefork"]
    arguments += [
        "--concurrency",
        str(_settings.workers or cores()),
        "--hostname",
        f"soundmill-{os.getpid()}@%h",
    ]
    arguments += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    celery.worker_main(arguments)
