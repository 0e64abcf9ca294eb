"""Waiting until tasks are final: one query a round for all who wait."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import timedelta

from soundmill.service.ports import Watch

_ROUND_SECONDS = 0.05


class Watcher:
    """Lets many threads wait for tasks at the price of one query each 50 ms, and of none while nobody waits.

    Of the waiting threads one does the looking for all; when it leaves, another takes over. More than ``most`` don't wait at a time:
    who waits holds a thread of the server, and others want to be served too.
    """

    def __init__(self, watch: Watch, most: int) -> None:
        self._watch = watch
        self._most = most
        self._news = threading.Condition()
        self._awaited: Counter[int] = Counter()
        self._final: set[int] = set()
        self._somebody_looks = False

    def wait(self, task_id: int, timeout: timedelta) -> bool:
        """True as soon as the task is final (or gone), False when the time is over, or at once when too many wait already."""
        until = time.monotonic() + timeout.total_seconds()
        with self._news:
            if self._awaited.total() >= self._most:
                return False
            self._awaited[task_id] += 1
            try:
                while task_id not in self._final:
                    left = until - time.monotonic()
                    if left <= 0:
                        return False
                    if self._somebody_looks:
                        self._news.wait(left)
                    else:
                        self._look(min(left, _ROUND_SECONDS))
                return True
            finally:
                self._awaited[task_id] -= 1
                if not self._awaited[task_id]:
                    del self._awaited[task_id]
                    self._final.discard(task_id)

    def _look(self, pause_seconds: float) -> None:
        self._somebody_looks = True
        asked = frozenset(self._awaited)
        self._news.release()
        try:
            time.sleep(pause_seconds)
            final = self._watch.final_among(asked)
        finally:
            self._news.acquire()
            self._somebody_looks = False
            self._news.notify_all()
        self._final |= final & self._awaited.keys()
