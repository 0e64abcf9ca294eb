"""The command line: ``soundmill serve`` for one machine, ``api``, ``worker`` and ``janitor`` for several."""

from __future__ import annotations

from typing import Annotated

import typer

from soundmill.cli.convert import convert
from soundmill.cli.database import db
from soundmill.cli.processes import api, janitor, worker
from soundmill.cli.serve import serve
from soundmill.cli.settings import settings

__all__ = ["main"]

main = typer.Typer(
    name="soundmill",
    help="Audio conversion that loses nothing.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        from soundmill import __version__

        print(f"soundmill {__version__}")
        raise typer.Exit


@main.callback()
def _soundmill(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


for _command in (serve, convert, api, worker, janitor, settings):
    main.command()(_command)
main.add_typer(db, name="db")
