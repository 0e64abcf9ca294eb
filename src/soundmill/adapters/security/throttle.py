"""Login limits over a moving window."""

from __future__ import annotations

import time
from datetime import timedelta

import structlog
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from soundmill.model.errors import TryLater

_log = structlog.get_logger()


class WindowThrottle:
    """Implements :class:`~soundmill.service.ports.Throttle`.

    ``limit`` reads like ``"10/minute"``. ``storage`` is a `limits` address: ``memory://`` counts for one process, ``redis://…`` for all.
    Where each of so many ``processes`` counts for itself, it lets its share through, one at least: together they let no more through than one would.
    """

    def __init__(self, limit: str, storage: str = "memory://", *, processes: int = 1) -> None:
        self._limit = parse(limit)
        self._share = type(self._limit)(
            max(1, self._limit.amount // processes), self._limit.multiples, namespace=self._limit.namespace
        )
        if storage == "memory://":
            self._limit = self._share
        self._shared = MovingWindowRateLimiter(storage_from_string(storage, wrap_exceptions=True))
        self._own = MovingWindowRateLimiter(MemoryStorage())

    def hit(self, *keys: str) -> None:
        """See the port. While the shared storage is away each process counts for itself: people can still log in."""
        try:
            self._hit(self._shared, self._limit, keys)
        except StorageError as error:
            _log.warning("limits are counted by each process for itself", detail=str(error))
            self._hit(self._own, self._share, keys)

    def _hit(self, window: MovingWindowRateLimiter, limit: RateLimitItem, keys: tuple[str, ...]) -> None:
        for key in keys:
            if not window.hit(limit, key):
                resets_at = window.get_window_stats(limit, key).reset_time
                pause = timedelta(seconds=max(1, round(resets_at - time.time())))
                seconds = int(pause.total_seconds())
                raise TryLater(f"Too many attempts. Try again in {seconds} seconds.", pause)
