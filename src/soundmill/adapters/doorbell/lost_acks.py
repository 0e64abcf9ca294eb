"""A worker whose acknowledgements were lost connects anew.

Celery logs an acknowledgement that a broken connection swallowed, and forgets it. Kombu goes on counting its message as unacknowledged, so
with the prefetch limit reached nothing is ever consumed again: a worker that was busy when Redis was restarted stays deaf.
"""

from __future__ import annotations

from typing import Any

from celery import bootsteps
from celery.worker import state

_LOOK_SECONDS = 1.0
_PATIENCE_LOOKS = 3


class LostAcks(bootsteps.StartStopStep):
    """Looks every second whether the broker's channel waits for more acknowledgements than there are tasks here."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._timer: Any = None
        self._seen = 0

    def start(self, parent: Any) -> None:
        """With each connection."""
        self._seen = 0
        self._timer = parent.timer.call_repeatedly(_LOOK_SECONDS, self._look, (parent,))

    def stop(self, parent: Any) -> None:
        """Before each connection is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    shutdown = stop

    def _look(self, parent: Any) -> None:
        # Brokers that count for themselves (RabbitMQ) forget with the connection; their channels have no such count.
        qos = getattr(parent.task_consumer.channel, "qos", None)
        if qos is None or not qos.prefetch_count:
            return
        unacknowledged = qos.prefetch_count - qos.can_consume_max_estimate()
        self._seen = self._seen + 1 if unacknowledged > len(state.reserved_requests) else 0
        if self._seen >= _PATIENCE_LOOKS:
            raise ConnectionResetError("Acknowledgements were lost with a connection: connecting anew.")
