"""Is it alive, and can it work?"""

from __future__ import annotations

from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response, jsonify, make_response

from soundmill.api.services import services

health = APIBlueprint("health", __name__, url_prefix="/health", tag="Operations")


@health.get("/live")
@health.doc(summary="The process answers")
def live() -> Response:
    """Alive."""
    return jsonify(status="ok")


@health.get("/ready")
@health.doc(
    summary="Database and storage work",
    description="`degraded` means that downloads work: the disk is full, so uploads are refused; or the broker doesn't answer, so conversions wait.",
    responses={200: "ready, or degraded", 503: "what doesn't work"},
)
def ready() -> Response:
    """Each part is tried."""
    troubles = services().health.troubles()
    if troubles:
        return make_response(
            {"status": "unavailable", "troubles": troubles},
            HTTPStatus.SERVICE_UNAVAILABLE,
        )
    if slowdowns := services().health.slowdowns():
        return jsonify(status="degraded", troubles=slowdowns)
    return jsonify(status="ok")


@health.get("/queue")
@health.doc(summary="How much waits, and for how many seconds the first of it", responses={200: "the queue"})
def queue() -> Response:
    """For whoever scales the workers."""
    state = services().queue.queue_state()
    return jsonify(
        waiting=state.waiting, running=state.running, oldestWaitingSeconds=round(state.oldest.total_seconds(), 3)
    )
