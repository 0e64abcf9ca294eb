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
    responses={200: "ready", 503: "what doesn't work"},
)
def ready() -> Response:
    """Each part is tried."""
    troubles = services().health.troubles()
    if troubles:
        return make_response(
            {"status": "unavailable", "troubles": troubles},
            HTTPStatus.SERVICE_UNAVAILABLE,
        )
    return jsonify(status="ok")
