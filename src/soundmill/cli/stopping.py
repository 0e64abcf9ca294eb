"""Signals that stop a command as Ctrl-C does: with what it has begun cleaned away."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_STATUS_OF_SIGNAL = 128
"""What a shell adds to the number of the signal that ended a command."""


@contextmanager
def cleaned_up_when_stopped() -> Iterator[None]:
    """Have SIGTERM and SIGHUP unwind the main thread, not end it where it stands. What is ignored (nohup) stays so."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is signal.SIG_DFL:
            signal.signal(number, _unwind)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _unwind(number: int, _: FrameType | None) -> NoReturn:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # closing a terminal sends several; cleaning up isn't to be broken off
    raise SystemExit(_STATUS_OF_SIGNAL + number)
