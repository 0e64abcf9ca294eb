"""``soundmill db``: the database's schema."""

from __future__ import annotations

import typer

from soundmill.cli.complaints import told_in_one_line
from soundmill.cli.processes import keep_private
from soundmill.cli.streams import say
from soundmill.logs import configure_logs

db = typer.Typer(help="The database.", no_args_is_help=True)


@db.callback()
def _db() -> None:
    pass


@db.command()
def upgrade() -> None:
    """Apply the migrations that are missing. May run anywhere, any number of times, several at once."""
    keep_private()
    with told_in_one_line():
        from soundmill.app import App, load_settings

        settings = load_settings()
        configure_logs(settings.log_level, settings.log_format)
        is_ours = App(settings).upgrade_database()
        say("The database is up to date." if is_ours else "The database is a newer version's, and was left as it is.")
