"""Errors as the command line tells them: one clear line, and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from soundmill.lifeline import CANNOT_START
from soundmill.model.errors import DatabaseDamaged, NoRoom, SoundmillError, StorageError, Unreachable

TRY_AGAIN = 1
"""Exit status when something that the program needs is away just now."""

_PASSING = (Unreachable, StorageError, NoRoom)


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Turn our errors into one line on standard error and exit status 2, or 1 for what may pass by itself."""
    try:
        yield
    except SoundmillError as error:
        # That something doesn't answer may be its absence, a wrong name or a wrong password.
        detail = f" ({error.detail_for_log})" if type(error) is Unreachable and error.detail_for_log else ""
        print(f"soundmill: {' '.join((error.message + detail).split())}", file=sys.stderr)
        may_pass = isinstance(error, _PASSING) and not isinstance(error, DatabaseDamaged)
        raise typer.Exit(TRY_AGAIN if may_pass else CANNOT_START) from error
