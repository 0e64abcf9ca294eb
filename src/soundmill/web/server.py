"""The API and the page as one server process."""

from __future__ import annotations

import os

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from soundmill.app import App
from soundmill.lifeline import PARENT_VARIABLE, die_with_supervisor
from soundmill.web.site import create_site


def serve_site(app: App, host: str, port: int) -> None:
    """Serve until SIGTERM; requests under way are answered first."""
    os.environ[PARENT_VARIABLE] = str(os.getpid())  # a killed server must not leave its worker on the port
    Granian(
        f"{__name__}:create_site_of_server",
        host,
        port,
        interface=Interfaces.WSGI,
        factory=True,
        blocking_threads=app.settings.api_threads,
        websockets=False,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=round(app.settings.drain_seconds),
    ).serve()


def create_site_of_server() -> Flask:
    """The site, in the server's worker process."""
    die_with_supervisor()
    return create_site()
