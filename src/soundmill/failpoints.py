"""Named places where a test can make the program die, fail or stall. Without the setting each is a call that does nothing.

``SOUNDMILL_FAILPOINT=after_publish:kill`` (or ``:raise``, or ``:stall``) arms one. With ``SOUNDMILL_FAILPOINT_ONCE=<path>`` only the first
process that gets there is hit: it makes the file ``<path>``.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

NAMES = (
    "mid_upload",  # API: some bytes of the body are written
    "after_store",  # API: the bytes are safe, there is no row
    "before_submit_commit",  # API: the rows are written, not committed
    "after_submit_commit",  # API: committed, but the commit's answer may be lost here; the doorbell isn't rung
    "after_ring",  # API: the client has no answer yet
    "after_claim",  # worker: the lease runs
    "before_publish",  # worker: converted and verified
    "after_publish",  # worker: the result is visible in the storage, the row doesn't know
    "before_processed_commit",  # board: the row is written, not committed
    "after_processed_commit",  # board: committed, the worker has no answer
    "after_processed",  # worker: all is said
    "before_sweep",  # janitor
    "after_expiry",  # janitor: tasks are due again, the bell isn't rung
    "after_expiry_commit",  # janitor: an old task's rows are gone, its files aren't
)
ACTIONS = ("kill", "raise", "stall")
STALL_SECONDS = 12.0


class InjectedFault(Exception):
    """What an armed failpoint raises: nobody expects it, as nobody expects a real fault."""


def _nothing(name: str) -> None:
    pass


def _armed(setting: str, once: str) -> Callable[[str], None]:
    wanted, _, action = setting.partition(":")
    if wanted not in NAMES or action not in ACTIONS:
        raise SystemExit(f"soundmill: SOUNDMILL_FAILPOINT={setting}: there is no such failpoint or action.")

    def hit(name: str) -> None:
        if name != wanted or (once and not _is_first(once)):
            return
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if action == "raise":
            raise InjectedFault(name)
        time.sleep(STALL_SECONDS)

    return hit


def _is_first(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


_setting = os.environ.get("SOUNDMILL_FAILPOINT", "")
failpoint = _armed(_setting, os.environ.get("SOUNDMILL_FAILPOINT_ONCE", "")) if _setting else _nothing
