"""Is the service able to work? Told truthfully: each part is tried, not assumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from soundmill.model.errors import SoundmillError

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Health:
    """Probes by the part's name: each raises when its part doesn't work.

    Without a ``needed`` one no request can be served; without a ``useful`` one things take longer.
    """

    needed: Mapping[str, Callable[[], None]]
    useful: Mapping[str, Callable[[], None]] = field(default_factory=dict)

    def troubles(self) -> dict[str, str]:
        """What keeps the service from working and why, for people; empty when nothing does."""
        return self._tried(self.needed)

    def slowdowns(self) -> dict[str, str]:
        """What works without, but slower."""
        return self._tried(self.useful)

    def _tried(self, probes: Mapping[str, Callable[[], None]]) -> dict[str, str]:
        found = {}
        for part, probe in probes.items():
            try:
                probe()
            except SoundmillError as error:
                found[part] = error.message
            except Exception:  # noqa: BLE001 - whatever a driver raises means the same here: not ready
                _log.exception("not ready", part=part)
                found[part] = "It doesn't answer."
        return found
