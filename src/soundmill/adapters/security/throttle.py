"""Login limits over a moving window."""

from __future__ import annotations

import time
from datetime import timedelta

from limits import parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from soundmill.model.errors import TryLater


class WindowThrottle:
    """Implements :class:`~soundmill.service.ports.Throttle`.

    ``limit`` reads like ``"10/minute"``. ``storage`` is a `limits` address: ``memory://`` counts for one process, ``redis://…`` for all.
    """

    def __init__(self, limit: str, storage: str = "memory://") -> None:
        self._limit = parse(limit)
        self._window = MovingWindowRateLimiter(storage_from_string(storage))

    def hit(self, *keys: str) -> None:
        """See the port."""
        for key in keys:
            if not self._window.hit(self._limit, key):
                resets_at = self._window.get_window_stats(self._limit, key).reset_time
                pause = timedelta(seconds=max(1, round(resets_at - time.time())))
                seconds = int(pause.total_seconds())
                raise TryLater(f"Too many attempts. Try again in {seconds} seconds.", pause)
