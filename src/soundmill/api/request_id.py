"""Every request has an id: a proxy's or the client's own, else a new one. It is in the answer and in each line that is logged meanwhile."""

from __future__ import annotations

import re
import uuid

import structlog
from apiflask import APIFlask
from flask import Response, g, request

HEADER = "X-Request-ID"

_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}", re.ASCII)


def name_requests(app: APIFlask) -> None:
    """To be called before whatever may answer, or log, in its stead."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get(HEADER, "")
        g.request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        # A thread of the server answers one request after the other, and what it sends after the head is still of this one:
        # the id stays bound until the next one takes its place.
        structlog.contextvars.bind_contextvars(request=g.request_id)

    @app.after_request
    def end(answer: Response) -> Response:
        answer.headers[HEADER] = g.request_id
        return answer
