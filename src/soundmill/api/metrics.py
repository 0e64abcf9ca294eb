"""What Prometheus scrapes: the queue, as the database knows it, so that every API says the same."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from soundmill.api.services import services

metrics = APIBlueprint("metrics", __name__, tag="Operations")


@metrics.get("/metrics")
@metrics.doc(summary="Prometheus metrics", responses={200: "text"})
def show() -> Response:
    """Counted at each scrape."""
    state = services().queue.queue_state()
    registry = CollectorRegistry()
    for name, meaning, value in (
        ("soundmill_queue_waiting", "Tasks that are due and wait for a worker", state.waiting),
        ("soundmill_queue_running", "Tasks that a worker holds", state.running),
        (
            "soundmill_queue_oldest_waiting_seconds",
            "How long the first of the waiting tasks has been due",
            state.oldest.total_seconds(),
        ),
    ):
        Gauge(name, meaning, registry=registry).set(value)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
