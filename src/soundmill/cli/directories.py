"""Directories that are named on the command line."""

from __future__ import annotations

from pathlib import Path

import typer


def directory_named(given: str) -> Path:
    """It needn't be there. An empty name would be the working directory: what a script's unset variable never meant."""
    if not given:
        raise typer.BadParameter("It is empty. Name a directory; . is this one.")
    directory = Path(given)
    try:
        is_file = directory.exists() and not directory.is_dir()
    except OSError as error:
        raise typer.BadParameter(f"{given}: {error.strerror}.") from error
    if is_file:
        raise typer.BadParameter(f"{given} is a file. Name a directory.")
    return directory
