"""How many cores there are for us, and how many of them nobody uses."""

from __future__ import annotations

import os
from pathlib import Path

_LOAD = Path("/proc/loadavg")


def cores() -> int:
    """Those that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def idle_cores(load: Path = _LOAD) -> int:
    """How many cores nothing runs on right now, and at least 1: our own.

    ``load`` is the kernel's (``proc_loadavg(5)``): its fourth field counts what wants to run at this moment, this process too. The
    averages before it lag by a minute. A wrong look costs little: pieces take 2 to 7 % more processor time than the whole,
    and what comes later shares the cores as ever. Where the system doesn't say, none is idle.
    """
    try:
        running = int(load.read_text().split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        return 1
    return max(1, cores() - max(0, running - 1))
