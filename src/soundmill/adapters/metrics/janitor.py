"""What the janitor makes good."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class JanitorFigures:
    """Of all janitors that count together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lease_expiries = Counter(
            "soundmill_lease_expiries",
            "Attempts whose worker was silent for longer than its lease: tried again, or failed as worker_lost",
            registry=registry,
        )
