"""Quotas and expiry over HTTP."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from soundmill.api import create_application
from soundmill.app import App, load_settings
from tests.api.conftest import User

LIMIT = 200_000


@pytest.fixture
def thrifty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.chdir(tmp_path)
    made = App(load_settings(data_dir=tmp_path / "data", storage_reserve=0, quota=LIMIT, keep=3600))
    made.prepare()
    yield made
    made.database.dispose()


@pytest.fixture
def eve(thrifty: App) -> User:
    return User(create_application(thrifty).test_client(), thrifty, "eve")


def stored(app: App) -> int:
    return sum(1 for _ in (app.settings.data_dir / "files").glob("*/*"))


def test_one_sees_what_one_may_still_upload(eve: User) -> None:
    assert eve.call("GET", "/api/me").get_json()["quota"] == {"used": 0, "limit": LIMIT, "left": LIMIT}
    eve.upload(b"x" * 1000)
    assert eve.call("GET", "/api/me").get_json()["quota"] == {"used": 1000, "limit": LIMIT, "left": LIMIT - 1000}


def test_where_there_is_no_quota_there_is_no_limit(ann: User) -> None:
    ann.upload(b"x" * 1000)
    assert ann.call("GET", "/api/me").get_json()["quota"] == {"used": 1000, "limit": None, "left": None}


@pytest.mark.parametrize("size", [150_000, 190_000, LIMIT])
def test_over_quota_is_refused_leaves_nothing_and_deleting_helps(eve: User, thrifty: App, size: int) -> None:
    task = eve.upload(b"x" * 100_000).get_json()["id"]
    refused = eve.upload(b"x" * size)
    assert refused.status_code == 429
    assert refused.get_json()["code"] == "over_quota"
    assert int(refused.headers["Retry-After"]) > 0
    assert stored(thrifty) == 1
    assert not list((thrifty.settings.data_dir / "incoming").iterdir())
    assert eve.call("DELETE", f"/api/tasks/{task}").status_code == 204
    assert eve.upload(b"x" * size).status_code == 202


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "once"}])
def test_a_body_of_unknown_size_is_read_no_further_than_the_quota(
    eve: User, thrifty: App, headers: dict[str, str]
) -> None:
    form = {"newFormat": "mp3", "fileName": FileStorage(io.BytesIO(b"x" * 50 * LIMIT), "song.wav")}
    boundary, body = encode_multipart(form)
    sent = io.BytesIO(body)
    answer = eve.call(
        "POST",
        "/api/tasks",
        input_stream=sent,
        content_type=f"multipart/form-data; boundary={boundary}",
        headers=headers,
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )
    assert answer.status_code == 429
    assert answer.get_json()["code"] == "over_quota"
    assert sent.tell() < 10 * LIMIT
    assert stored(thrifty) == 0
    assert not list((thrifty.settings.data_dir / "incoming").iterdir())


def test_who_asks_for_more_than_all_is_not_told_to_delete_something(eve: User) -> None:
    assert "at all" in eve.upload(b"x" * 2 * LIMIT).get_json()["detail"]
    eve.upload(b"x" * (LIMIT - 10))
    assert "delete some tasks" in eve.upload(b"x" * 11).get_json()["detail"]


def test_an_upload_that_was_accepted_is_answered_again_when_the_quota_is_used_up(eve: User) -> None:
    key = {"Idempotency-Key": "once"}
    first = eve.upload(b"x" * LIMIT, headers=key)
    again = eve.upload(b"x" * LIMIT, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json()["id"] == again.get_json()["id"]


def test_an_upload_with_a_new_key_is_refused_before_its_body_is_read(eve: User) -> None:
    eve.upload(b"x" * (LIMIT - 10))
    sent = io.BytesIO(b"")  # a client that waits for the answer
    answer = eve.call(
        "POST",
        "/api/tasks",
        input_stream=sent,
        content_type="multipart/form-data; boundary=x",
        headers={"Idempotency-Key": "new"},
        environ_overrides={"CONTENT_LENGTH": str(50 * LIMIT)},
    )
    assert (answer.status_code, answer.get_json()["code"]) == (429, "over_quota")


def test_a_task_tells_when_it_goes_once_it_has_ended(eve: User) -> None:
    task = eve.upload().get_json()
    assert task["expiresAt"] is None
    ended = eve.call("POST", f"/api/tasks/{task['id']}/cancel").get_json()
    over = datetime.fromisoformat(ended["expiresAt"]) - datetime.fromisoformat(ended["finishedAt"])
    assert over == timedelta(hours=1)


def test_where_nothing_expires_no_time_is_told(ann: User) -> None:
    task = ann.upload().get_json()["id"]
    assert ann.call("POST", f"/api/tasks/{task}/cancel").get_json()["expiresAt"] is None
