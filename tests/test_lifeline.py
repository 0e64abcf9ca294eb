"""Processes that others start and wait for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

_START = "import os, signal; from soundmill.lifeline import in_own_process; from soundmill.model.errors import *; "


def ran(code: str) -> subprocess.CompletedProcess[str]:
    """In a process without threads, as those are that fork."""
    return subprocess.run(
        [sys.executable, "-c", _START + code], capture_output=True, text=True, timeout=60, check=False
    )


def test_what_is_done_in_an_own_process_is_done_before_we_go_on() -> None:
    told = ran("in_own_process(lambda: print(os.getppid(), flush=True)); print(os.getpid())")
    first, second = told.stdout.split()
    assert first == second


def test_what_it_raises_is_raised_here() -> None:
    fail = "def fail(): raise ConfigurationError('Say which.', detail_for_log='x')\n"
    told = ran(
        f"\n{fail}try: in_own_process(fail)\nexcept ConfigurationError as error: print(error, error.detail_for_log)"
    )
    assert told.stdout == "Say which. x\n"


def test_its_sudden_end_is_noticed() -> None:
    told = ran("in_own_process(lambda: os.kill(os.getpid(), signal.SIGKILL))")
    assert f"ChildProcessError: A process that was to prepare something ended with {-signal.SIGKILL}" in told.stderr
    assert told.returncode != os.EX_OK
