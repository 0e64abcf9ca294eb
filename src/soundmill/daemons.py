"""The worker of one machine, and the janitor: processes that run until SIGTERM."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog

from soundmill.app import App, Settings
from soundmill.logs import Seldom, configure_logs
from soundmill.model.errors import SoundmillError

_IDLE_LOOK = timedelta(seconds=1)
_TROUBLE_SECONDS = 60.0

_log = structlog.get_logger()


def run_worker(settings: Settings) -> None:
    """Take due work from the database of this machine until SIGTERM, then drain."""
    configure_logs(settings.log_level, settings.log_format)
    app = App(settings)
    app.await_storage()
    app.serve_metrics()
    with app.worker() as worker, _signal_pipe() as woken:

        def drain(number: int, frame: object) -> None:
            worker.drain(timedelta(seconds=settings.drain_seconds))

        signal.signal(signal.SIGTERM, drain)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor says when to stop
        _log.info("worker ready")
        while not worker.draining:
            if not worker.work():
                app.local_doorbell.wait(_IDLE_LOOK, woken)


def run_janitor(settings: Settings) -> None:
    """Sweep until SIGTERM. A database, broker or storage that fails is asked again at the next round."""
    configure_logs(settings.log_level, settings.log_format)
    app = App(settings)
    app.await_storage()
    janitor, expiries = app.janitor, app.janitor_figures.lease_expiries
    app.serve_metrics()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # By itself: walking over a million files takes minutes, and leases end meanwhile.
    rare = (app.usage.recount, app.retention.expire_tasks, app.retention.forget, janitor.sweep_files)
    threading.Thread(target=_sweep_rarely, args=(rare, settings.file_sweep_interval, stop), daemon=True).start()
    troubles = Seldom(_TROUBLE_SECONDS)
    while not stop.is_set():
        _tried(lambda: expiries.inc(janitor.sweep_leases()), troubles)
        _tried(janitor.sweep_rings, troubles)
        stop.wait(settings.sweep_interval)


def _sweep_rarely(sweeps: Iterable[Callable[[], object]], interval_seconds: float, stop: threading.Event) -> None:
    troubles = Seldom(_TROUBLE_SECONDS)
    while not stop.is_set():
        for each in sweeps:
            _tried(each, troubles)
        stop.wait(interval_seconds)


def _tried(sweep: Callable[[], object], troubles: Seldom) -> None:
    try:
        sweep()
    except SoundmillError as error:
        if troubles.may_tell(error.message):
            _log.warning(error.message, detail=error.detail_for_log)
    except Exception:  # noqa: BLE001 - the janitor makes everything else good again: nothing may end it for long
        _log.exception("a sweep failed")


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
