"""The API and the page as one server process."""

from __future__ import annotations

import gc
import os
import signal
import threading
from datetime import timedelta
from multiprocessing.util import Finalize

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from soundmill.api.services import services
from soundmill.app import App, shared_figures
from soundmill.lifeline import PARENT_VARIABLE, die_with_supervisor
from soundmill.web.site import create_site
from soundmill.web.stalled import end_stalled_connections

_ALLOCATIONS_PER_COLLECTION = 20_000


def serve_site(app: App, host: str, port: int) -> None:
    """Serve until SIGTERM; requests under way are answered first."""
    os.environ[PARENT_VARIABLE] = str(os.getpid())  # a killed server must not leave its worker on the port
    server = Granian(
        f"{__name__}:create_site_of_server",
        host,
        port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=app.settings.api_processes,
        blocking_threads=app.settings.api_threads,
        websockets=False,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=round(app.settings.drain_seconds),
    )
    with shared_figures():
        server.serve()


def create_site_of_server() -> Flask:
    """The site, in the server's worker process."""
    die_with_supervisor()
    site = create_site()
    _collect_seldom()
    with site.app_context():
        end_stalled_connections(timedelta(seconds=services().settings.api_patience))
    # A child of multiprocessing ends without Python's own exit handlers.
    Finalize(None, _flush_traces, (site,), exitpriority=0)
    threading.Thread(target=_close_at_a_signal, args=(site, _signals()), name="stop", daemon=True).start()
    return site


def _collect_seldom() -> None:
    """What is there now is there to stay, and requests leave few cycles: looking for them at Python's pace is a tenth of a task list's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_PER_COLLECTION)


def _flush_traces(site: Flask) -> None:
    with site.app_context():
        services().tracing.flush()


def _signals() -> int:
    """A descriptor that becomes readable at a signal, whoever handles it: the server sets its own handlers later."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    return readable


def _close_at_a_signal(site: Flask, readable: int) -> None:
    # The server waits for requests under way, and who listens to events would stay for minutes.
    os.read(readable, 1)
    with site.app_context():
        services().feed.close()
