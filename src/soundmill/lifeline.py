"""No orphans: a process that ends with the one that started it, also when that one is killed."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

PARENT_VARIABLE = "SOUNDMILL_PARENT_PID"
"""Set by whoever starts a process that is to die with it, to its own process id."""

CANNOT_START = 2
"""Exit status of a process that can't work as it is set up: starting it again won't help."""

_PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent ends. ``parent`` is its process id, where the caller knows it.

    Linux only; elsewhere nothing happens. The kernel means the *thread* that started us: start children from the main thread.
    It doesn't see a parent that ended before the call: then ``parent`` tells, and the process exits here.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def die_with_supervisor() -> None:
    """The same, for a process that says by :data:`PARENT_VARIABLE` that it is to die with its parent; else nothing."""
    if parent := os.environ.pop(PARENT_VARIABLE, ""):
        die_with_parent(int(parent))


def in_own_process(act: Callable[[], None]) -> None:
    """Have ``act`` done in a process forked for that, and wait: no thread or connection that it makes is ours. What it raises is raised here."""
    context = multiprocessing.get_context("fork")
    told, tells = context.Pipe(duplex=False)
    child = context.Process(target=_act_and_tell, args=(act, tells, os.getpid()))
    child.start()
    tells.close()
    with told, suppress(EOFError):  # it ended without a word
        raise told.recv()
    child.join()
    if child.exitcode:
        raise ChildProcessError(f"A process that was to prepare something ended with {child.exitcode}.")


def _act_and_tell(act: Callable[[], None], tells: Connection, parent: int) -> None:
    die_with_parent(parent)
    try:
        act()
    except Exception as error:  # noqa: BLE001 - raised again by the parent
        tells.send(error)
