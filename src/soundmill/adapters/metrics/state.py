"""How things stand, asked at each scrape: so every API says the same, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from soundmill.model.errors import SoundmillError
from soundmill.service.health import Health
from soundmill.service.ports import QueueGauge, Room

_log = structlog.get_logger()


class StateCollector(Collector):
    """The queue, the parts that the API needs, and the room that is left; what can't be told just now is left out."""

    def __init__(self, queue: QueueGauge, health: Health, room: Callable[[], Room] | None) -> None:
        self._queue = queue
        self._health = health
        self._room = room

    def collect(self) -> Iterator[Metric]:
        """See the library."""
        working = self._health.working()
        told = GaugeMetricFamily("soundmill_part_up", "1 while it works, tried at the scrape", labels=["part"])
        for part, is_up in working.items():
            told.add_metric([part], is_up)
        yield told
        for part, tell in (("database", self._waiting), ("storage", self._storage)):
            # Asked all the same, one that hangs would hold up the scrape until it is given up, with all that it tells.
            if not working.get(part, True):
                continue
            try:
                yield from tell()
            except SoundmillError as error:
                _log.warning("a figure is missing", detail=error.for_log)

    def _waiting(self) -> Iterator[Metric]:
        state = self._queue.queue_state()
        yield GaugeMetricFamily("soundmill_queue_waiting", "Tasks that are due and wait for a worker", state.waiting)
        yield GaugeMetricFamily("soundmill_queue_running", "Tasks that a worker holds", state.running)
        yield GaugeMetricFamily(
            "soundmill_queue_oldest_waiting_seconds",
            "How long the first of the waiting tasks has been due",
            state.oldest.total_seconds(),
        )

    def _storage(self) -> Iterator[Metric]:
        if self._room is not None:
            room = self._room()
            yield GaugeMetricFamily("soundmill_storage_free_bytes", "Left for files", room.free_bytes)
            yield GaugeMetricFamily("soundmill_storage_size_bytes", "Of the whole storage", room.size_bytes)
