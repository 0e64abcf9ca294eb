"""How many cores there are for us, and how many of them nobody uses."""

from __future__ import annotations

import os
import time
from pathlib import Path

_LOAD = Path("/proc/loadavg")
# What works beside us waits for a disk or for each other now and then.
_LOOKS, _LOOK_PAUSE_SECONDS = 3, 0.004


def cores() -> int:
    """Those that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def idle_cores(load: Path = _LOAD) -> int:
    """How many cores nothing runs on right now, and at least 1: our own.

    ``load`` is the kernel's (``proc_loadavg(5)``): its fourth field counts what wants to run at this moment, this process too. The
    averages before it lag by a minute. A wrong look costs little: pieces take 2 to 7 % more processor time than the whole,
    and what comes later shares the cores as ever. Where the system doesn't say, none is idle.
    """
    others = _others_running(load)
    return 1 if others is None else max(1, cores() - others)


def has_a_free_core(load: Path = _LOAD) -> bool:
    """True where nothing has run on one of the cores each time that we looked. Where the system doesn't say, there is none."""
    for look in range(_LOOKS):
        if look:
            time.sleep(_LOOK_PAUSE_SECONDS)
        others = _others_running(load)
        if others is None or others >= cores():
            return False
    return True


def _others_running(load: Path) -> int | None:
    try:
        return max(0, int(load.read_text().split()[3].partition("/")[0]) - 1)
    except (OSError, ValueError, IndexError):
        return None
