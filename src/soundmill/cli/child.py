"""One child process of the supervisor: started, watched, stopped, and killed together with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from soundmill.lifeline import PARENT_VARIABLE

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 30.0
_HEALTHY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run. ``environment`` is added to ours. Those that ``stops_first`` are asked to stop before the others."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stops_first: bool = False


class Child:
    """A process by its spec, started again and again. All methods are for the supervisor's one thread."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.due_at = time.monotonic()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    @property
    def running(self) -> bool:
        """True from :meth:`start` until :meth:`ended` has told the end."""
        return self._process is not None

    def start(self) -> None:
        """Start it in a process group of its own: a Ctrl-C reaches the supervisor only, which stops all in order."""
        environment = {**os.environ, **self.spec.environment, PARENT_VARIABLE: str(os.getpid())}
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(self.spec.command, env=environment, stdin=subprocess.DEVNULL, process_group=0)

    def ended(self) -> int | None:
        """Its exit status once, when it has ended since the last look; a killed one's is the negative signal number."""
        if self._process is None:
            return None
        # Until it is reaped its process id is ours: so long its group can be killed without hitting a stranger.
        if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self._signal_group(signal.SIGKILL)
        status = self._process.wait()
        self._process = None
        return status

    def schedule_restart(self) -> float:
        """Be due after a pause, which doubles while it keeps dying young. Gives the pause in seconds."""
        now = time.monotonic()
        if now - self._started_at >= _HEALTHY_SECONDS:
            self._pause_seconds = _FIRST_PAUSE_SECONDS
        pause_seconds = self._pause_seconds
        self.due_at = now + pause_seconds
        self._pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
        return pause_seconds

    def ask_to_stop(self) -> None:
        """SIGTERM, to the process alone: it stops what it started in its own order."""
        if self._process is not None:
            # Not Popen.terminate(): it reaps one that has just ended, and ended() would never hear of it.
            os.kill(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, to the whole group."""
        if self._process is not None:
            self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: int) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def told_status(status: int) -> str:
    """``ended with status 1`` or ``was killed by SIGKILL``."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
