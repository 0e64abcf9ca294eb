"""What tells a worker process of the server to stop is heard from its first moment on: until it serves, the server has no handler in it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

_A_MOMENT_SECONDS = 0.1

_heard = -1


def hear_in_forked_processes() -> None:
    """From now on."""
    os.register_at_fork(after_in_child=_hear)


def call_at_a_signal(stop: Callable[[], None]) -> None:
    """In a process that was forked: call ``stop`` once, from a thread, whenever since the fork it came and whoever handles it."""
    inherited = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=_wait, args=(stop, inherited), name="stop", daemon=True).start()


def _hear() -> None:
    global _heard
    _heard, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)


def _wait(stop: Callable[[], None], inherited: object) -> None:
    number = os.read(_heard, 1)[0]
    # The handler of the process that forked this one takes it, and nothing ends here; the server's own is deaf until it serves.
    is_lost = signal.getsignal(number) is inherited
    stop()
    while is_lost:
        os.kill(os.getpid(), number)
        time.sleep(_A_MOMENT_SECONDS)
