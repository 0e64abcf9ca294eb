"""The Flask application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from apiflask import APIFlask
from flask import Blueprint, Response
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from soundmill import __version__
from soundmill.api import problems
from soundmill.api.accounts import accounts
from soundmill.api.board import board
from soundmill.api.description import describe
from soundmill.api.events import events
from soundmill.api.files import files
from soundmill.api.formats import formats
from soundmill.api.health import health
from soundmill.api.metrics import count_requests, metrics
from soundmill.api.request_id import name_requests
from soundmill.api.seats import seats
from soundmill.api.services import attach
from soundmill.api.shapes import LARGEST_NUMBER
from soundmill.api.tasks import tasks
from soundmill.api.tracing import trace_requests
from soundmill.api.waveforms import waveforms
from soundmill.app import App

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def create_application(wired: App, *pages: Blueprint) -> APIFlask:
    """The API, and the blueprints of ``pages`` beside it."""
    app = _Api(
        "soundmill",
        title="soundmill",
        version=__version__,
        spec_path="/api/openapi.json",
        docs_path=None,  # APIFlask's would have browsers run scripts of other hosts beside our sessions
    )
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        VALIDATION_ERROR_STATUS_CODE=400,
        MAX_CONTENT_LENGTH=1 << 20,  # uploads are read past Flask's own parser
        SYNC_LOCAL_SPEC=False,
        AUTO_SERVERS=False,  # it would tell everybody the address by which the first one asked, true or not
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.url_map.converters["id"] = _Id
    attach(app, wired)
    name_requests(app)
    count_requests(app)
    problems.install(app)
    for blueprint in (accounts, tasks, events, waveforms, files, formats, board, seats, health, metrics):
        app.register_blueprint(blueprint)
    for page in pages:
        app.register_blueprint(page)
    if hops := wired.settings.proxy_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    trace_requests(app, wired)
    app.spec_processor(describe)
    return app


class _Answer(Response):
    """What is there as a whole is handed over as a whole: a server that takes it piece by piece waits for Python's lock for each, and for the end."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        pieces, status, headers = self.get_wsgi_response(environ)
        start_response(status, headers)
        if not self.is_sequence:
            return pieces
        whole = [b"".join(pieces)]
        self.close()
        return whole


class _Api(APIFlask):
    response_class = _Answer

    def ensure_sync[**P, R](self, func: Callable[P, R]) -> Callable[P, R]:
        """The function itself: none of ours is a coroutine, and each request would ask that of each of a dozen."""
        return func


class _Id(IntegerConverter):
    """A row's number. A larger one than a database holds is no address: 404."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=LARGEST_NUMBER)
