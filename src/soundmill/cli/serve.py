"""``soundmill serve``: the whole service on one machine."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import structlog
import typer

from soundmill.cli.child import ChildSpec
from soundmill.cli.complaints import told_in_one_line
from soundmill.cli.listening import held_endpoint
from soundmill.cli.processes import DataDir, Host, Port, keep_private
from soundmill.cli.supervisor import Supervisor
from soundmill.cli.welcome import answers_ready, how_to_try
from soundmill.logs import configure_logs
from soundmill.model.errors import ConfigurationError


def serve(
    host: Host = None,
    port: Port = None,
    workers: Annotated[int | None, typer.Option(help="Conversions at a time; one a core unless set.", min=1)] = None,
    data_dir: DataDir = None,
) -> None:
    """Run the whole service on this machine: the API with the page, the workers and the janitor.

    Each option can also be set in the environment or in .env (SOUNDMILL_HOST, SOUNDMILL_PORT, SOUNDMILL_WORKERS, SOUNDMILL_DATA_DIR).
    """
    keep_private()
    with told_in_one_line():
        from soundmill.app import App, load_settings, shared_figures
        from soundmill.engine import cores

        settings = load_settings(host=host, port=port, workers=workers, data_dir=data_dir)
        if named := settings.of_a_fleet:
            raise ConfigurationError(
                f"`soundmill serve` is the whole service on one machine, without {named}. Unset it, or start "
                "`soundmill api`, `soundmill worker` and `soundmill janitor`, each where it belongs."
            )
        with held_endpoint(settings.host, settings.port) as endpoint:
            configure_logs(settings.log_level, settings.log_format)
            App(settings).prepare()
            supervisor = Supervisor(
                child_specs(*endpoint, settings.workers or cores(), settings.data_dir),
                drain=timedelta(seconds=settings.drain_seconds),
                say=_say if settings.log_format == "logfmt" else structlog.get_logger("soundmill.supervisor").info,
                is_ready=lambda: answers_ready(*endpoint),
                on_ready=lambda: print(how_to_try(settings.host, endpoint.port), flush=True),
            )
            with shared_figures():
                status = supervisor.run()
    raise typer.Exit(status)


def _say(line: str) -> None:
    print(f"soundmill: {line}", file=sys.stderr, flush=True)


def child_specs(host: str, port: int, workers: int, data_dir: Path) -> list[ChildSpec]:
    """The processes of one machine. They read their settings as always, but for those that flags have set."""

    def spec(name: str, *command: str, stops_first: bool = False) -> ChildSpec:
        # The API shows the metrics of all; each on one port would be one too many.
        given = {
            "SOUNDMILL_DATA_DIR": str(data_dir.absolute()),
            "SOUNDMILL_HOST": host,
            "SOUNDMILL_PORT": str(port),
            "SOUNDMILL_WORKERS": str(workers),
            "SOUNDMILL_METRICS_PORT": "0",
        }
        return ChildSpec(name, (sys.executable, "-m", "soundmill", *command), given, stops_first)

    return [
        spec("api", "api", "--host", host, "--port", str(port), stops_first=True),
        *(spec(f"worker {number}", "worker") for number in range(1, workers + 1)),
        spec("janitor", "janitor"),
    ]
