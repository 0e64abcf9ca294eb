"""What happens to one's own tasks, as server-sent events (HTML Standard, section 9.2)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta

from apiflask import APIBlueprint
from flask import Response, request

from soundmill.api.authentication import signed_in
from soundmill.api.services import services
from soundmill.api.shapes import LARGEST_NUMBER
from soundmill.service.feed import News
from soundmill.service.ports import Account

events = APIBlueprint("events", __name__, url_prefix="/api/events", tag="Tasks")

_PAUSE = timedelta(seconds=5)
_LONGEST_SECONDS = 300.0
_RETRY_MILLISECONDS = 1000


@events.get("")
@events.doc(
    summary="What happens to one's own tasks, as it happens",
    description="A stream of `task` events with `id`, `status` and `progress`. With the `Last-Event-ID` that a client saw last, what ended since is "
    "told first. The stream ends after some minutes, and with the session or the server: connect again, as browsers do by themselves.",
    responses={200: "text/event-stream", 503: "too many listen"},
)
@signed_in
def stream(account: Account) -> Response:
    """Until the client leaves, or the time is over: so a token that was revoked doesn't listen for ever."""
    position, news = services().feed.listen(account.id, _resumed(), _PAUSE)
    answer = Response(
        _counted(services().traffic.held("events"), _written(position, news)), mimetype="text/event-stream"
    )
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"  # nginx would keep events back until a buffer is full
    return answer


def _resumed() -> int | None:
    given = request.headers.get("Last-Event-ID", "")
    is_number = given.isascii() and given.isdigit() and len(given) <= len(str(LARGEST_NUMBER))
    return min(int(given), LARGEST_NUMBER) if is_number else None


def _counted(held: AbstractContextManager[None], texts: Iterator[str]) -> Iterator[str]:
    with held:
        yield from texts


def _written(position: int, rounds: Iterator[list[News]]) -> Iterator[str]:
    until = time.monotonic() + _LONGEST_SECONDS
    # The first id, with no event: a client that loses the connection before the first event resumes here all the same.
    yield f"retry: {_RETRY_MILLISECONDS}\nid: {position}\n\n"
    for news in rounds:
        # A comment tells proxies that somebody is there, and us when nobody is any more.
        yield "".join(map(_event, news)) or ": nothing new\n\n"
        if time.monotonic() >= until:
            return


def _event(news: News) -> str:
    identity = "" if news.position is None else f"id: {news.position}\n"
    said = {"id": news.task_id, "status": news.status, "progress": round(news.progress, 4)}
    return f"{identity}event: task\ndata: {json.dumps(said)}\n\n"
