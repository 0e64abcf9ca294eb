"""The janitor: makes good what crashes left behind. Any number may run at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import batched

import structlog

from soundmill.failpoints import failpoint
from soundmill.service.belonging import Belonging
from soundmill.service.ports import Doorbell, FileIndex, Storage, Upkeep, Workbench

_MOST_RINGS = 500
_BATCH = 500

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class JanitorRule:
    """How long things may look left behind before they are taken for it.

    An upload's row is committed within moments of its bytes; an hour leaves room for a stalled API. A dead attempt is known to
    be dead; the minute is for a worker that is just cleaning up itself.
    """

    ring_after: timedelta = timedelta(seconds=2)
    orphan_age: timedelta = timedelta(hours=1)
    scratch_age: timedelta = timedelta(minutes=1)


class Janitor:
    """The sweeps, each safe to repeat and to interrupt anywhere."""

    def __init__(
        self,
        upkeep: Upkeep,
        index: FileIndex,
        storage: Storage,
        workbench: Workbench,
        doorbell: Doorbell,
        belonging: Belonging,
        rule: JanitorRule | None = None,
    ) -> None:
        self._upkeep = upkeep
        self._index = index
        self._storage = storage
        self._workbench = workbench
        self._doorbell = doorbell
        self._belonging = belonging
        self._rule = rule or JanitorRule()

    def sweep_leases(self) -> int:
        """Put tasks of lost workers back into the queue, and ring. Gives how many."""
        failpoint("before_sweep")
        expired = self._upkeep.expire_leases()
        if expired:
            failpoint("after_expiry")
            _log.warning("leases expired", tasks=expired)
            self._doorbell.ring((0,) * expired)
        return expired

    def sweep_rings(self) -> int:
        """Ring for tasks that wait without a message: it was lost, or their pause is over. Gives how many.

        Never more messages than tasks that wait, however long all workers are busy. Raises ``Unreachable`` without the broker.
        """
        due = self._upkeep.due(self._rule.ring_after, _MOST_RINGS)
        if not due:
            return 0
        unheard = self._doorbell.unheard()
        missing = 0 if unheard is None else max(0, due - unheard)
        if missing:
            _log.info("rung again", tasks=missing)
            self._doorbell.ring((0,) * missing)
        return missing

    def sweep_files(self) -> int:
        """Remove what no row stands for: work directories, broken-off uploads, files without a row. Gives how many.

        Raises ``ConfigurationError`` when the rows are of other files than these.
        """
        self._belonging.check()
        swept = self._storage.sweep_incoming(self._rule.orphan_age)
        for attempt in self._workbench.scratches(self._rule.scratch_age):
            if not self._upkeep.is_live(attempt):
                self._workbench.sweep(attempt)
                swept += 1
        for keys in batched(self._storage.keys(self._rule.orphan_age), _BATCH):
            for key in self._index.unknown(keys):
                self._storage.delete(key)
                swept += 1
        if swept:
            _log.info("leftovers removed", files=swept)
        return swept
