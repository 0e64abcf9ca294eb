"""Standard output and error as they happen to be: closed, full, or in an encoding that lacks half of what is said."""

from __future__ import annotations

import codecs
import io
import os
import sys

import typer

_ERRORS = "soundmill.nearest"
_NEAREST = {"…": "...", "→": "->", "“": '"', "”": '"', "’": "'", "–": "-", "×": "x"}


def make_streams_usable() -> None:
    """Whatever is written to them is written somehow. To be called before anything is opened."""
    _fill_closed_descriptors()
    codecs.register_error(_ERRORS, _nearest)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


def say(text: str) -> None:
    """On standard output, at once. Ends the program with a line where that can't be written; who reads no further ends it silently."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        # Else the interpreter would try once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"soundmill: Can't write to standard output: {error.strerror}.", file=sys.stderr)
        raise typer.Exit(1) from error


def _fill_closed_descriptors() -> None:
    """Else the next files that are opened get these numbers, and what is meant for a terminal goes into them."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # gets the lowest that is free
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - as long as the process lives


def _nearest(error: UnicodeError) -> tuple[bytes, int]:
    """Names of files are bytes, not always text: they stand here as lone surrogates (PEP 383). The rest is put plainly."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return b"".join(map(_put_plainly, error.object[error.start : error.end])), error.end


def _put_plainly(character: str) -> bytes:
    if "\udc80" <= character <= "\udcff":
        return character.encode("ascii", "surrogateescape")
    return _NEAREST.get(character, character).encode("ascii", "backslashreplace")
