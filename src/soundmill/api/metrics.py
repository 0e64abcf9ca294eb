"""What Prometheus scrapes, and the counting of requests."""

from __future__ import annotations

import time

from apiflask import APIBlueprint, APIFlask
from flask import Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST

from soundmill.api.services import services

_NO_ROUTE = "none"

metrics = APIBlueprint("metrics", __name__, tag="Operations")


@metrics.get("/metrics")
@metrics.doc(summary="Prometheus metrics", responses={200: "text"})
def show() -> Response:
    """What was counted, and how things stand now."""
    return Response(services().metrics(), content_type=CONTENT_TYPE_LATEST)


def count_requests(app: APIFlask) -> None:
    """Every request by its route's template: a path would be a series of its own for each task."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(answer: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else _NO_ROUTE
        services().traffic.answered(request.method, route, answer.status_code, time.perf_counter() - g.began)
        return answer
