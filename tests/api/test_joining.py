"""Several files become one result, over HTTP."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from soundmill.api import create_application
from soundmill.app import App, load_settings
from tests.api.conftest import User
from tests.api.test_tasks import process, stored_files
from tests.builders import REPORT_OF_JOINED

type Files = list[tuple[str, bytes]]

ALBUM = [("one.wav", b"first"), ("two.flac", b"the second"), ("one.wav", b"third")]


def send(user: User, files: Files, headers: Mapping[str, str] | None = None, **fields: Any) -> TestResponse:
    """Files before fields, as ``curl -F`` sends them in the order of its arguments."""
    parts = {"fileName": [FileStorage(io.BytesIO(content), name) for name, content in files]}
    boundary, body = encode_multipart({**parts, "newFormat": "mp3", **fields})
    kind = f"multipart/form-data; boundary={boundary}"
    return user.call("POST", "/api/tasks", data=body, content_type=kind, headers=headers or {})


def test_several_files_are_one_task_that_lists_them_all(ann: User) -> None:
    answer = send(ann, ALBUM, join="true")
    assert answer.status_code == 202, answer.text
    task = answer.get_json()
    assert [(each["fileName"], each["size"], each["sha256"]) for each in task["sources"]] == [
        (name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in [("one.wav", b"first"), ("two.flac", b"the second"), ("one (2).wav", b"third")]
    ]
    assert (task["fileName"], task["resultName"], task["options"]) == ("one.wav", "one (joined).mp3", {"join": True})
    assert task["source"]["sha256"] == task["sources"][0]["sha256"]
    assert ann.call("GET", "/api/tasks").get_json() == [task]
    assert ann.call("GET", "/api/me").get_json()["quota"]["used"] == 20
    for each, (_, content) in zip(task["sources"], ALBUM, strict=True):
        assert ann.call("GET", f"/api/files/{each['fileName']}").data == content


def test_a_task_of_one_file_lists_none(ann: User) -> None:
    assert ann.upload().get_json()["sources"] is None


def test_several_formats_share_the_joined_sources_and_the_last_task_takes_them_along(ann: User, app: App) -> None:
    tasks = send(ann, ALBUM, join="yes", newFormat=["mp3", "flac"]).get_json()["tasks"]
    assert tasks[0]["sources"] == tasks[1]["sources"]
    assert len(stored_files(app)) == 3
    for left, task in zip((3, 0), tasks, strict=True):
        assert ann.call("DELETE", f"/api/tasks/{task['id']}").status_code == 204
        assert len(stored_files(app)) == left


def test_a_processed_one_shows_each_sources_sound(ann: User, app: App) -> None:
    send(ann, ALBUM, join="true")
    process(app, report=REPORT_OF_JOINED)
    task = ann.call("GET", "/api/tasks").get_json()[0]
    assert [each["duration"] for each in task["sources"]] == [0.25, 0.5, 0.75]
    assert task["source"]["duration"] == 0.25
    assert ann.call("GET", task["result"]["url"]).data == b"the result"


@pytest.mark.parametrize(
    ("files", "fields", "words"),
    [
        (ALBUM[:1], {"join": "true"}, "nothing to join it with"),
        (ALBUM, {}, "join=true"),
        (ALBUM, {"join": "false"}, "join=true"),
        (ALBUM, {"join": "true", "split": "chapters"}, "split: It is about one source"),
        (ALBUM, {"join": "true", "trimStart": "1"}, "trimStart: It is about one source"),
        (ALBUM, {"join": "maybe"}, "neither true nor false"),
        ([*ALBUM, ("empty.wav", b"")], {"join": "true"}, "“empty.wav” is empty"),
        ([*ALBUM, ("", b"no name")], {"join": "true"}, "has no name"),
        ([(f"{number}.wav", b"x") for number in range(101)], {"join": "true"}, "At most 100 files"),
    ],
)
def test_what_can_not_be_joined_is_refused_with_what_would_be_right_and_leaves_nothing(
    ann: User, app: App, files: Files, fields: dict[str, Any], words: str
) -> None:
    answer = send(ann, files, **fields)
    assert answer.status_code == 400
    assert words in answer.get_json()["detail"]
    assert stored_files(app) == []


def test_together_they_are_no_larger_than_one_may_be(ann: User, app: App) -> None:
    half = bytes((1 << 19) + 1)
    answer = send(ann, [("a.wav", half), ("b.wav", half)], join="true")
    assert answer.status_code == 413
    assert "Together" in answer.get_json()["detail"]
    assert stored_files(app) == []


def test_a_form_that_breaks_off_in_the_second_file_leaves_nothing(ann: User, app: App) -> None:
    head = '--x\r\nContent-Disposition: form-data; name="fileName"; filename="{}.wav"\r\n\r\n'
    body = (head.format("a") + "RIFF\r\n" + head.format("b")).encode() + b"RIFF" * 50_000
    answer = ann.call("POST", "/api/tasks", data=body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 400
    assert stored_files(app) == []


def test_with_a_key_they_are_accepted_once_and_another_order_is_another_request(ann: User, app: App) -> None:
    key = {"Idempotency-Key": "album"}
    first, again = send(ann, ALBUM, key, join="true"), send(ann, ALBUM, key, join="true")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.get_json() == first.get_json()
    assert len(stored_files(app)) == 3
    assert send(ann, ALBUM[::-1], key, join="true").status_code == 422
    assert len(stored_files(app)) == 3


def test_another_format_is_made_of_all_and_what_does_not_fit_is_refused(ann: User) -> None:
    task = send(ann, ALBUM, join="true").get_json()
    path = f"/api/tasks/{task['id']}"
    changed = ann.call("PUT", path, json={"newFormat": "flac"}).get_json()
    assert (changed["sources"], changed["options"]) == (task["sources"], {"join": True})
    assert changed["resultName"] == "one (joined).flac"
    refused = ann.call("PUT", path, json={"newFormat": "flac", "options": {"tempo": 2}})
    assert (refused.status_code, refused.get_json()["errors"][0]["field"]) == (400, "tempo")
    assert ann.call("GET", path).get_json() == changed
    single = ann.upload().get_json()["id"]
    late = ann.call("PUT", f"/api/tasks/{single}", json={"newFormat": "flac", "options": {"join": True}})
    assert late.status_code == 409
    assert "nothing to join" in late.get_json()["detail"]


@pytest.fixture
def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """Whose janitor takes anything without a row for a leftover at once."""
    monkeypatch.chdir(tmp_path)
    made = App(load_settings(data_dir=tmp_path / "data", storage_reserve=0, orphan_age=1e-6))
    made.prepare()
    yield made
    made.database.dispose()


def test_what_the_janitor_may_have_swept_meanwhile_is_not_accepted(hasty: App) -> None:
    eve = User(create_application(hasty).test_client(), hasty, "eve")
    answer = send(eve, ALBUM, join="true")
    assert answer.status_code == 400
    assert "too long" in answer.get_json()["detail"]
    assert stored_files(hasty) == []
    assert eve.upload().status_code == 202


def test_the_description_tells_of_several_files(ann: User) -> None:
    described = ann.call("GET", "/api/openapi.json").get_json()
    form = described["paths"]["/api/tasks"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["fileName"]["oneOf"][1]["maxItems"] == 100
    assert "join" in form["properties"]
    assert "sources" in described["components"]["schemas"]["TaskOut"]["properties"]
