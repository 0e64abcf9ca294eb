"""The API and the page as one server, whose worker processes answer: see :mod:`soundmill.web.serving`, which only they load."""

from __future__ import annotations

import math
import os

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from soundmill.app import App, shared_figures
from soundmill.lifeline import PARENT_VARIABLE
from soundmill.web.stopping import hear_in_forked_processes

_SITE = "soundmill.web.serving:create_site_of_server"


def serve_site(app: App, address: str, port: int) -> None:
    """Serve on an IP address in digits until SIGTERM; requests under way are answered first."""
    os.environ[PARENT_VARIABLE] = str(os.getpid())  # a killed server must not leave its worker on the port
    server = Granian(
        _SITE,
        address,
        port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=app.settings.api_processes,
        blocking_threads=app.settings.api_threads,
        websockets=False,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=max(1, math.ceil(app.settings.drain_seconds)),  # 0 would be: wait for ever
    )
    hear_in_forked_processes()
    with shared_figures():
        server.serve()
