"""What is kept no longer: tasks after their time, and what was remembered only for a while. Any number may do it at once."""

from __future__ import annotations

from datetime import timedelta

import structlog

from soundmill.failpoints import failpoint
from soundmill.service.dropping import drop_all
from soundmill.service.ports import AccountStore, EventLog, Expiry, OnceMemory, SeatUpkeep, Storage

_KEY_AGE = timedelta(days=1)
_EVENT_AGE = timedelta(days=7)

_log = structlog.get_logger()


class Retention:
    """``keep`` is how long tasks stay after their end, with their files; ``None`` for ever."""

    def __init__(
        self,
        expiry: Expiry,
        accounts: AccountStore,
        keys: OnceMemory,
        events: EventLog,
        seats: SeatUpkeep,
        storage: Storage,
        keep: timedelta | None,
    ) -> None:
        self._expiry = expiry
        self._accounts = accounts
        self._keys = keys
        self._events = events
        self._seats = seats
        self._storage = storage
        self._keep = keep

    def expire_tasks(self) -> int:
        """Remove the tasks whose time is over, with their files. Gives how many files."""
        if self._keep is None:
            return 0
        removed = 0
        while (keys := self._expiry.expire(self._keep)) is not None:
            failpoint("after_expiry_commit")
            # A crash here leaves files without a row: the janitor sweeps them.
            removed += drop_all(self._storage.delete, keys)
        if removed:
            _log.info("expired", files=removed)
        return removed

    def forget(self) -> None:
        """Forget revocations, idempotency keys, events and seats that no longer matter."""
        self._accounts.forget_expired_tokens()
        self._keys.forget_keys(_KEY_AGE)
        self._events.forget_events(_EVENT_AGE)
        self._seats.forget_seats()
