"""What tells a worker process of the server to stop is heard from its first moment on: until it serves, the server has no handler in it."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable

_A_MOMENT_SECONDS = 0.1
_STOPS = (signal.SIGTERM, signal.SIGINT)

_heard = -1


def hear_in_forked_processes() -> None:
    """From now on."""
    # Python forgets what came to a forked process before it is ready for it: held back, it stays with the kernel until then.
    os.register_at_fork(before=_hold_back, after_in_parent=_let_through, after_in_child=_hear)


def call_at_a_signal(stop: Callable[[], None]) -> None:
    """In a process that was forked: call ``stop`` once, from a thread, whenever since the fork it came and whoever handles it."""
    inherited = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=_wait, args=(stop, inherited), name="stop", daemon=True).start()


def _hold_back() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)


def _let_through() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


def _hear() -> None:
    global _heard
    _heard, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    _let_through()


def _wait(stop: Callable[[], None], inherited: object) -> None:
    while signal.getsignal(signal.SIGTERM) is inherited:
        time.sleep(_A_MOMENT_SECONDS)
    time.sleep(_A_MOMENT_SECONDS)
    # By now the server's own handler ends this process. What came before went to the one of the process that forked this, to no end.
    is_lost = bool(select.select([_heard], [], [], 0)[0])
    number = os.read(_heard, 1)[0]
    stop()
    while is_lost and number in _STOPS:
        os.kill(os.getpid(), number)
        time.sleep(_A_MOMENT_SECONDS)
