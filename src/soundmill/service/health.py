"""Is the service able to work? Told truthfully: each part is tried, not assumed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import timedelta
from types import MappingProxyType

import structlog

from soundmill.model.errors import SoundmillError

_log = structlog.get_logger()

type Probe = Callable[[], None]
"""Raises when its part doesn't work."""

_PATIENCE = timedelta(seconds=3)
"""Load balancers and Prometheus give up after 5 to 10 s, and know nothing then."""


class Health:
    """Tries parts by their names, all at once.

    Without a ``needed`` one no request can be served; without a ``useful`` one things take longer. One that gives no answer within
    ``patience`` doesn't work.
    """

    def __init__(
        self,
        needed: Mapping[str, Probe],
        useful: Mapping[str, Probe] = MappingProxyType({}),
        *,
        patience: timedelta = _PATIENCE,
    ) -> None:
        self._needed, self._useful = (
            {part: _Attempts(probe) for part, probe in probes.items()} for probes in (needed, useful)
        )
        self._patience_seconds = patience.total_seconds()

    def troubles(self) -> dict[str, str]:
        """What keeps the service from working and why, for people; empty when nothing does."""
        return self._tried(self._needed)

    def slowdowns(self) -> dict[str, str]:
        """What works without, but slower."""
        return self._tried(self._useful)

    def working(self) -> dict[str, bool]:
        """Of each part whether it works."""
        parts = self._needed | self._useful
        broken = self._tried(parts)
        return {part: part not in broken for part in parts}

    def _tried(self, parts: Mapping[str, _Attempts]) -> dict[str, str]:
        until = time.monotonic() + self._patience_seconds
        under_way = {part: attempts.current() for part, attempts in parts.items()}
        found = {}
        for part, attempt in under_way.items():
            try:
                attempt.result(max(0.0, until - time.monotonic()))
            except SoundmillError as error:
                found[part] = error.message
            except Exception as error:  # noqa: BLE001 - whatever a driver raises, or no word of it, means the same here: not ready
                is_silent = not attempt.done()
                detail = f"no answer within {self._patience_seconds:g} s" if is_silent else repr(error)
                _log.error("not ready", part=part, detail=detail, exc_info=None if is_silent else error)
                found[part] = "It doesn't answer."
        return found


class _Attempts:
    """Runs a probe in a thread of its own, one at a time: where a link drops everything it hangs for half a minute, and nobody with it."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._lock = threading.Lock()
        self._newest: Future[None] | None = None

    def current(self) -> Future[None]:
        """The one under way, or else a new one."""
        with self._lock:
            if self._newest is None or self._newest.done():
                self._newest = Future()
                threading.Thread(target=self._try, args=(self._newest,), name="probe", daemon=True).start()
            return self._newest

    def _try(self, attempt: Future[None]) -> None:
        try:
            self._probe()
        except Exception as error:  # noqa: BLE001 - for who waits for it
            attempt.set_exception(error)
        else:
            attempt.set_result(None)
