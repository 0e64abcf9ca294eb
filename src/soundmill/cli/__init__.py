"""The command line: ``soundmill serve`` for one machine, ``api``, ``worker`` and ``janitor`` for several."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from soundmill.cli.convert import convert
from soundmill.cli.database import db
from soundmill.cli.processes import api, janitor, worker
from soundmill.cli.serve import serve
from soundmill.cli.settings import settings
from soundmill.cli.streams import make_streams_usable, say

__all__ = ["main"]


class _Program(typer.Typer):
    """The commands, run as a program: not as tests and other programs invoke them, with streams of theirs."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        make_streams_usable()
        return super().__call__(*arguments, **named)


main = _Program(
    name="soundmill",
    help="Audio conversion that loses nothing.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        from soundmill import __version__

        say(f"soundmill {__version__}")
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
