"""Server-sent events over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from soundmill.app import App
from tests.api.conftest import User


class Stream:
    """An open stream, read event by event."""

    def __init__(self, client: FlaskClient, headers: dict[str, str]) -> None:
        self.answer = client.get("/api/events", headers=headers)
        self._chunks: Iterator[bytes] = iter(self.answer.iter_encoded())
        self.last_id = ""

    def next_task(self) -> dict[str, Any]:
        """The next task event; remembers ids as a browser does."""
        while True:
            for block in next(self._chunks).decode().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
                self.last_id = fields.get("id", self.last_id)
                if fields.get("event") == "task":
                    found: dict[str, Any] = json.loads(fields["data"])
                    return found

    def first_id(self) -> str:
        """Which comes before any event."""
        fields = dict(line.split(": ", 1) for line in next(self._chunks).decode().splitlines() if line)
        return fields["id"]

    def listen(self) -> None:
        """Begin to wait for events."""
        self.first_id()
        next(self._chunks)

    def close(self) -> None:
        """As a client that leaves."""
        self.answer.close()


@pytest.fixture
def open_stream(client: FlaskClient, app: App) -> Iterator[Any]:
    opened: list[Stream] = []

    def open_one(user: User, **headers: str) -> Stream:
        opened.append(Stream(client, {**user.headers, **headers}))
        return opened[-1]

    yield open_one
    app.feed.close()
    for each in opened:
        each.close()


def test_what_ends_is_told_as_it_happens(ann: User, open_stream: Any) -> None:
    stream = open_stream(ann)
    assert stream.answer.mimetype == "text/event-stream"
    assert stream.first_id() == "0"
    task = ann.upload().get_json()["id"]
    ann.call("POST", f"/api/tasks/{task}/cancel")
    assert stream.next_task() == {"id": task, "status": "cancelled", "progress": 0.0}
    assert int(stream.last_id) > 0


def test_a_client_that_comes_back_is_told_what_ended_meanwhile(ann: User, bob: User, open_stream: Any) -> None:
    first = open_stream(ann)
    position = first.first_id()
    first.close()
    task, other = ann.upload().get_json()["id"], bob.upload().get_json()["id"]
    bob.call("POST", f"/api/tasks/{other}/cancel")
    ann.call("POST", f"/api/tasks/{task}/cancel")
    assert open_stream(ann, **{"Last-Event-ID": position}).next_task()["id"] == task


@pytest.mark.parametrize("identity", ["x", "-1", "9" * 40, "9" * 5000, "٣"])
def test_a_strange_last_id_is_no_error(ann: User, open_stream: Any, identity: str) -> None:
    assert open_stream(ann, **{"Last-Event-ID": identity}).answer.status_code == 200


def test_events_are_for_those_who_are_signed_in(client: FlaskClient) -> None:
    assert client.get("/api/events").status_code == 401


def test_too_many_listeners_are_told_to_come_later(ann: User, app: App, open_stream: Any) -> None:
    for _ in range(app.settings.api_threads // 16):
        open_stream(ann).listen()
    refused = open_stream(ann).answer
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0


def test_asking_for_the_head_takes_no_place(ann: User, app: App, open_stream: Any) -> None:
    for _ in range(app.settings.api_threads):
        assert ann.call("HEAD", "/api/events").status_code == 200
    assert open_stream(ann).answer.status_code == 200
