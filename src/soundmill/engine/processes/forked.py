"""A process that the server forked for a conversion, or for some small ones: what it says, what it is told, and its end."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from soundmill.engine.processes.control import line
from soundmill.engine.sandbox.confinement import close_all_but, die_with_parent

type Say = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Forked:
    """``said`` is readable, ``told`` is writable, and neither waits."""

    process: int
    said: int
    told: int

    def __post_init__(self) -> None:
        """A process may read what it said itself, by its own name in /proc: Landlock leaves pipes to whom they are open."""
        for each in (self.said, self.told):
            os.set_blocking(each, False)

    def end(self) -> int:
        """Kill it, where it still runs, and all that it forked. Gives the signal that ended it; 0 where it ended by itself."""
        os.close(self.said)
        os.close(self.told)
        _kill(self.process)
        _, status = os.waitpid(self.process, 0)
        _reap_orphans()
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def fork(work: Callable[[Say, int], None]) -> Forked:
    """Have ``work`` done in a process of its own, which gets what it says things by, and what is told to it: a descriptor to read. Nothing else is open to it."""
    said, speaks = os.pipe()
    hears, told = os.pipe()
    server = os.getpid()
    process = os.fork()
    if process == 0:
        _run(server, speaks, hears, work)
    os.close(speaks)
    os.close(hears)
    return Forked(process, said, told)


def _run(server: int, speaks: int, hears: int, work: Callable[[Say, int], None]) -> None:
    """In the forked process: work, and leave without a trace."""
    status = 1
    try:
        die_with_parent(server)
        close_all_but(speaks, hears)
        os.setsid()
        work(_speaker(speaks), hears)
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may escape into the server's loop
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _speaker(descriptor: int) -> Say:
    def say(message: dict[str, Any]) -> None:
        data = memoryview(line(message))
        while data:
            data = data[os.write(descriptor, data) :]

    return say


def _kill(process: int) -> None:
    for end in (os.killpg, os.kill):
        try:
            end(process, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _reap_orphans() -> None:
    """Encoders of a killed conversion were killed with its group, and became our children."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
