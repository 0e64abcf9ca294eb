"""Waiting for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def until[T](condition: Callable[[], T | None], *, seconds: float = 30) -> T:
    """What ``condition`` gives as soon as it is true. Fails when the time is over."""
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit, f"waited {seconds} s for {condition}"
        time.sleep(0.01)
    return found


def is_alive(process: int) -> bool:
    """True while it runs; a zombie doesn't."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
