"""The processes of the service, one command each. ``soundmill serve`` starts them all on one machine.

Each imports only when it runs what it needs: loading everything for ``--help`` would take a second.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from soundmill.cli.complaints import told_in_one_line
from soundmill.cli.directories import directory_named
from soundmill.cli.listening import checked_endpoint
from soundmill.lifeline import die_with_supervisor
from soundmill.logs import configure_logs

Host = Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 unless set.", metavar="ADDRESS")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 5000 unless set.", min=0, max=65535)]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Where files, the database and the secrets live; ./data unless set.",
        metavar="DIRECTORY",
        parser=directory_named,
    ),
]


def keep_private() -> None:
    """Whatever this process makes is for its own user only: uploads, the database with its password hashes, the secrets."""
    os.umask(0o077)


def api(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Serve the HTTP API and the page."""
    die_with_supervisor()
    keep_private()
    with told_in_one_line():
        from soundmill.app import App, load_settings
        from soundmill.web.server import serve_site

        settings = load_settings(host=host, port=port, data_dir=data_dir)
        # The server's worker process reads the settings again.
        for name, value in (("HOST", host), ("PORT", port), ("DATA_DIR", data_dir)):
            if value is not None:
                os.environ[f"SOUNDMILL_{name}"] = str(value)
        endpoint = checked_endpoint(settings.host, settings.port)
        configure_logs(settings.log_level, settings.log_format)
        app = App(settings)
        app.before_forks(App.prepare)  # the server forks its worker process
        serve_site(app, *endpoint)


def worker(data_dir: DataDir = None) -> None:
    """Convert what is due: one task at a time on one machine, or one a core when there is a broker."""
    die_with_supervisor()
    keep_private()
    with told_in_one_line():
        from soundmill.app import load_settings
        from soundmill.daemons import run_worker

        if data_dir is not None:
            os.environ["SOUNDMILL_DATA_DIR"] = str(data_dir)
        settings = load_settings()
        if not settings.effective_broker_url:
            run_worker(settings)
            return
        from soundmill.fleet import run_fleet_worker

        run_fleet_worker()


def janitor(data_dir: DataDir = None) -> None:
    """Make good what crashes left behind: lost tasks, leftover files."""
    die_with_supervisor()
    keep_private()
    with told_in_one_line():
        from soundmill.app import load_settings
        from soundmill.daemons import run_janitor

        run_janitor(load_settings(data_dir=data_dir))
