"""Processes of others, any of which may end while one looks at it."""

from __future__ import annotations

import signal
from collections.abc import Iterable

import psutil


def below(process: psutil.Process) -> list[psutil.Process]:
    """All of its children and theirs; none of one that has ended."""
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def runs(process: psutil.Process, word: str) -> bool:
    """True where ``word`` is one of its command line's."""
    try:
        return word in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def kill(processes: Iterable[psutil.Process], number: signal.Signals = signal.SIGKILL) -> int:
    """How many got the signal: some may have ended by then."""
    return sum(_got(each, number) for each in processes)


def _got(process: psutil.Process, number: signal.Signals) -> bool:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return False
    return True
