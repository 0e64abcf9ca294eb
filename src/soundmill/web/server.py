"""The API and the page as one server process."""

from __future__ import annotations

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from soundmill.app import App


def serve_site(app: App, host: str, port: int) -> None:
    """Serve until SIGTERM; requests under way are answered first."""
    Granian(
        "soundmill.web:create_site",
        host,
        port,
        interface=Interfaces.WSGI,
        factory=True,
        blocking_threads=app.settings.api_threads,
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=round(app.settings.drain_seconds),
    ).serve()
