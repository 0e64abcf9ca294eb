"""Is the service able to work? Told truthfully: each part is tried, not assumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from soundmill.model.errors import SoundmillError

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Health:
    """``probes`` by the part's name: each raises when its part doesn't work."""

    probes: Mapping[str, Callable[[], None]]

    def troubles(self) -> dict[str, str]:
        """What doesn't work and why, for people; empty when all is well."""
        found = {}
        for part, probe in self.probes.items():
            try:
                probe()
            except SoundmillError as error:
                found[part] = error.message
            except Exception:  # noqa: BLE001 - whatever a driver raises means the same here: not ready
                _log.exception("not ready", part=part)
                found[part] = "It doesn't answer."
        return found
