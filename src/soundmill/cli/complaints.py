"""Errors as the command line tells them: one clear line, and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from soundmill.model.errors import SoundmillError

CANNOT_START = 2
"""Exit status when the program can't work as it is set up: starting it again won't help."""


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Turn our errors into one line on standard error and exit status 2."""
    try:
        yield
    except SoundmillError as error:
        print(f"soundmill: {' '.join(error.message.split())}", file=sys.stderr)
        raise typer.Exit(CANNOT_START) from error
