"""The janitor: makes good what crashes left behind. Any number may run at once."""

from __future__ import annotations

from datetime import timedelta
from itertools import batched

import structlog

from soundmill.service.ports import (
    AccountStore,
    Doorbell,
    FileIndex,
    Storage,
    Upkeep,
    Workbench,
)

# An upload's row is committed within moments of its bytes; an hour leaves room for a stopped or stalled API.
ORPHAN_AGE = timedelta(hours=1)
# A dead attempt is known to be dead; the minute is for a worker that is just cleaning up itself.
SCRATCH_AGE = timedelta(minutes=1)
_BATCH = 500

_log = structlog.get_logger()


class Janitor:
    """The sweeps, each safe to repeat and to interrupt anywhere."""

    def __init__(
        self,
        upkeep: Upkeep,
        index: FileIndex,
        accounts: AccountStore,
        storage: Storage,
        workbench: Workbench,
        doorbell: Doorbell,
    ) -> None:
        self._upkeep = upkeep
        self._index = index
        self._accounts = accounts
        self._storage = storage
        self._workbench = workbench
        self._doorbell = doorbell

    def sweep_leases(self) -> int:
        """Put tasks of lost workers back into the queue, and ring. Gives how many."""
        expired = self._upkeep.expire_leases()
        if expired:
            _log.warning("leases expired", tasks=expired)
            self._doorbell.ring((0,) * expired)
        return expired

    def sweep_files(self, orphan_age: timedelta = ORPHAN_AGE, scratch_age: timedelta = SCRATCH_AGE) -> int:
        """Remove what no row stands for: work directories, broken-off uploads, files without a row. Gives how many."""
        swept = self._storage.sweep_incoming(orphan_age)
        for attempt in self._workbench.scratches(scratch_age):
            if not self._upkeep.is_live(attempt):
                self._workbench.sweep(attempt)
                swept += 1
        for keys in batched(self._storage.keys(orphan_age), _BATCH):
            for key in self._index.unknown(keys):
                self._storage.delete(key)
                swept += 1
        if swept:
            _log.info("leftovers removed", files=swept)
        return swept

    def sweep_tokens(self) -> None:
        """Forget revocations that no longer matter."""
        self._accounts.forget_expired_tokens()
