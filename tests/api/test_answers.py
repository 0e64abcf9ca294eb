"""How answers are handed to the server."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from flask import Response
from werkzeug.test import EnvironBuilder, run_wsgi_app

from soundmill.api import create_application
from soundmill.app import App


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_whole_answer_is_one_piece_and_is_closed_once(app: App, method: str) -> None:
    application, closed = create_application(app), []

    @application.get("/whole")
    def whole() -> Response:
        answer = Response(["two ", "pieces"])
        answer.call_on_close(lambda: closed.append(method))
        return answer

    pieces, status, _ = run_wsgi_app(application, EnvironBuilder("/whole", method=method).get_environ())
    assert (list(pieces), status) == ([b"two pieces" if method == "GET" else b""], "200 OK")
    assert closed == [method]


def test_an_answer_in_the_making_is_sent_as_it_is_made(app: App) -> None:
    application = create_application(app)
    made: list[str] = []

    def making() -> Iterable[str]:
        for each in ("one", "two"):
            made.append(each)
            yield each

    @application.get("/stream")
    def stream() -> Response:
        return Response(making())

    pieces = iter(application(EnvironBuilder("/stream").get_environ(), lambda *_: lambda _: None))
    assert (next(pieces), made) == (b"one", ["one"])
    assert (next(pieces), made) == (b"two", ["one", "two"])
