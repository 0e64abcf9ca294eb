"""Requests that nobody sends by mistake: a clear refusal, never a defect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from soundmill.adapters.database import DatabaseAccounts
from soundmill.api import create_application
from soundmill.app import App
from soundmill.web.blueprint import page_blueprint
from tests.api.conftest import SECRET, User
from tests.api.test_tasks import process
from tests.builders import REPORT

WIDE_AT = "bob\uff20example.org"


@pytest.mark.parametrize("number", [2**63, 10**30])
def test_numbers_that_no_row_has(ann: User, number: int) -> None:
    assert ann.call("GET", f"/api/tasks/{number}").status_code == 404
    assert ann.call("GET", f"/api/tasks?after={number}").status_code == 400


def test_a_name_with_nul_is_no_file(ann: User) -> None:
    assert ann.call("GET", "/api/files/a%00b").status_code == 404


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
@pytest.mark.parametrize("path", ["/api/auth/login", "/web/session"])
def test_text_that_is_none(app: App, path: str, name: str) -> None:
    client = create_application(app, page_blueprint()).test_client()
    answer = client.post(path, json={"username": name, "password": "x"})
    assert answer.status_code == 400


def test_json_nested_without_end(client: FlaskClient) -> None:
    answer = client.post("/api/auth/login", data="[" * 100_000, content_type="application/json")
    assert answer.status_code == 400


def test_a_name_can_not_stand_before_an_address(client: FlaskClient) -> None:
    form = {"username": WIDE_AT, "email": "eve@example.org", "password1": "correct horse", "password2": "correct horse"}
    assert client.post("/api/auth/signup", data=form).status_code == 400


def test_a_name_whose_key_is_too_long(client: FlaskClient) -> None:
    form = {
        "username": "\ufdfa" * 100,
        "email": "eve@example.org",
        "password1": "correct horse",
        "password2": "correct horse",
    }
    assert client.post("/api/auth/signup", data=form).status_code == 400


def test_other_spellings_of_a_name_share_its_limit(client: FlaskClient, app: App) -> None:
    DatabaseAccounts(app.database).add("bob", "bob@example.org", "no hash")
    spellings = ["bob", "BOB", "ｂｏｂ", " bob "] * 4
    statuses = [
        client.post("/api/auth/login", data={"username": each, "password": "wrong"}).status_code for each in spellings
    ]
    assert 429 in statuses


def test_a_session_cookie_with_a_strange_csrf_token(ann: User, client: FlaskClient) -> None:
    client.set_cookie("soundmill_session", ann.headers["Authorization"].removeprefix("Bearer "))
    answer = client.post("/api/tasks/1/cancel", headers={"X-CSRF-Token": "schlüssel"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [
        ("bytes=-99999", 206, b"the result"),
        ("bytes=4-", 206, b"result"),
        ("bytes=0-2", 206, b"the"),
        ("bytes=-3", 206, b"ult"),
        ("bytes=99-", 416, None),
        ("items=0-1", 200, b"the result"),
        ("bytes=abc", 200, b"the result"),
        ("bytes=0-1,3-4", 200, b"the result"),
        ("", 200, b"the result"),
    ],
)
def test_ranges(ann: User, app: App, wanted: str, status: int, body: bytes | None) -> None:
    ann.upload()
    process(app)
    answer = ann.call("GET", "/api/files/song.mp3", headers={"Range": wanted})
    assert answer.status_code == status
    if body is not None:
        assert answer.data == body


def test_only_a_get_has_ranges(ann: User, app: App) -> None:
    ann.upload()
    process(app)
    answer = ann.call("HEAD", "/api/files/song.mp3", headers={"Range": "bytes=0-1"})
    assert (answer.status_code, answer.content_length) == (200, 10)


@pytest.mark.parametrize("wanted", [{}, {"Range": "bytes=0-1"}])
def test_a_file_that_changed_is_not_sent_and_no_part_of_it(ann: User, app: App, wanted: dict[str, str]) -> None:
    ann.upload()
    process(app)
    answer = ann.call("GET", "/api/files/song.mp3", headers={"If-Match": '"other"', **wanted})
    assert answer.status_code == 412
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["detail"] == "The file has changed."


@pytest.mark.parametrize(
    "body", [{"newFormat": "flac", "bitDepth": 24}, {"newFormat": "flac", "options": {"bitDepth": 24}}]
)
def test_options_of_a_change_stand_beside_the_format_or_in_options(ann: User, body: dict[str, Any]) -> None:
    task = ann.upload().get_json()["id"]
    assert ann.call("PUT", f"/api/tasks/{task}", json=body).get_json()["options"] == {"bitDepth": 24}
    assert ann.call("PUT", f"/api/tasks/{task}", json={"newFormat": "flac", "colour": "red"}).status_code == 400


def test_an_upload_with_the_same_option_twice_is_refused(ann: User) -> None:
    answer = ann.upload(bitRate=["128000", "192000"])
    assert answer.status_code == 400
    assert [each["field"] for each in answer.get_json()["errors"]] == ["bitRate"]
    assert ann.call("GET", "/api/tasks").get_json() == []


@pytest.mark.parametrize("field", ["bitRate", "newFormat"])
def test_a_change_with_the_same_field_twice_is_refused(ann: User, field: str) -> None:
    task = ann.upload().get_json()["id"]
    values = {"bitRate": ["128000", "192000"], "newFormat": ["ogg", "mp3"]}
    form = {"newFormat": "mp3", field: values[field]}
    answer = ann.call("PUT", f"/api/tasks/{task}", data=form)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.get_json()["errors"]] == [field]
    assert ann.call("GET", f"/api/tasks/{task}").get_json()["options"] == {}


def test_a_change_between_formats_of_one_extension_keeps_the_name(ann: User) -> None:
    task = ann.upload(newFormat="m4a").get_json()["id"]
    assert ann.call("PUT", f"/api/tasks/{task}", json={"newFormat": "alac"}).get_json()["resultName"] == "song.m4a"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}])
@pytest.mark.parametrize(
    "word",
    [
        "board/claim",
        "tasks/1/claim",
        "tasks/1/progress",
        "tasks/1/processed",
        "tasks/1/failed",
        "tasks/1/released",
        "tasks/1/seats/give",
        "board/seats/take",
    ],
)
def test_without_the_worker_secret_nothing_changes(
    ann: User, fleet: App, client: FlaskClient, word: str, headers: dict[str, str]
) -> None:
    before = ann.upload().get_json()
    assert client.post(f"/api/{word}", json={"owner": "me", "attempt": 1}, headers=headers).status_code == 401
    assert ann.call("GET", f"/api/tasks/{before['id']}").get_json() == before


def test_a_users_token_is_no_worker_secret(ann: User, fleet: App) -> None:
    assert ann.call("POST", "/api/board/claim", json={"owner": "me"}).status_code == 401


def test_a_worker_that_sees_other_files_gets_no_task(ann: User, fleet: App, client: FlaskClient) -> None:
    task = ann.upload().get_json()["id"]
    answer = client.post("/api/board/claim", json={"owner": "me", "storage": "0" * 32}, headers=SECRET)
    assert answer.status_code == 412
    assert ann.call("GET", f"/api/tasks/{task}").get_json()["status"] == "uploaded"


@pytest.mark.parametrize(
    "body",
    [
        {"attempt": 2**63, "result": {"key": "0" * 32, "size": 1, "sha256": "0" * 64}, "report": {}},
        {"attempt": 1, "result": {"key": "../../etc/passwd", "size": 1, "sha256": "0" * 64}, "report": {}},
        {"attempt": 1, "result": {"key": "0" * 32, "size": 1, "sha256": "0" * 64}, "report": {}},
        {
            "attempt": 1,
            "result": {"key": "0" * 32, "size": 1, "sha256": "0" * 64},
            "report": {"source": 1, "result": []},
        },
    ],
)
def test_a_report_that_is_none(ann: User, fleet: App, client: FlaskClient, body: dict[str, Any]) -> None:
    task = ann.upload().get_json()["id"]
    client.post("/api/board/claim", json={"owner": "me"}, headers=SECRET)
    assert client.post(f"/api/tasks/{task}/processed", json=body, headers=SECRET).status_code == 400


def test_a_newer_workers_failure_is_heard_by_what_it_says(ann: User, fleet: App, client: FlaskClient) -> None:
    task = ann.upload().get_json()["id"]
    attempt = client.post("/api/board/claim", json={"owner": "me"}, headers=SECRET).get_json()["attempt"]
    word = {"attempt": attempt, "code": "out_of_tune", "message": "It is out of tune."}
    assert client.post(f"/api/tasks/{task}/failed", json=word, headers=SECRET).status_code == 200
    error = ann.call("GET", f"/api/tasks/{task}").get_json()["error"]
    assert error == {"code": "internal", "message": "It is out of tune."}


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration": "long"},
        {"duration": float("nan")},
        {"channels": [2]},
        {"tags": ["title"]},
        {"tags": {"title": "\ud800"}},
        {"loudness": {"integrated": "loud", "range": 1, "true_peak": 0}},
        {"damage": [{"at": None, "lost": None, "filled": True}]},
    ],
)
def test_a_report_that_could_not_be_shown_is_not_taken(
    ann: User, fleet: App, client: FlaskClient, wrong: dict[str, Any]
) -> None:
    task = ann.upload().get_json()["id"]
    client.post("/api/board/claim", json={"owner": "me"}, headers=SECRET)
    report = REPORT.as_dict()
    assert said_processed(client, task, report | {"result": report["result"] | wrong}).status_code == 400
    assert [each["status"] for each in ann.call("GET", "/api/tasks").get_json()] == ["processing"]


def test_a_result_is_no_other_file_and_not_larger_than_files_are(ann: User, fleet: App, client: FlaskClient) -> None:
    task = ann.upload().get_json()["id"]
    source = client.post("/api/board/claim", json={"owner": "me"}, headers=SECRET).get_json()["sourceKey"]
    for stored in ({"key": source}, {"size": 2**63 - 1}, {"size": 2**70}):
        assert said_processed(client, task, REPORT.as_dict(), **stored).status_code == 400
    assert said_processed(client, task, REPORT.as_dict()).status_code == 200
    assert ann.call("GET", f"/api/tasks/{task}").get_json()["status"] == "processed"


def said_processed(client: FlaskClient, task: int, report: dict[str, Any], **stored: Any) -> TestResponse:
    result = {"key": "0" * 32, "size": 1, "sha256": "0" * 64} | stored
    body = json.dumps({"attempt": 1, "result": result, "report": report})
    return client.post(f"/api/tasks/{task}/processed", data=body, content_type="application/json", headers=SECRET)


def test_a_file_name_in_latin_1_is_read_as_such(ann: User) -> None:
    body = (
        "--b\r\nContent-Disposition: form-data; name=newFormat\r\n\r\nmp3\r\n"
        '--b\r\nContent-Disposition: form-data; name="fileName"; filename="Tönend.wav"\r\n\r\nRIFF\r\n--b--\r\n'
    )
    kind = "multipart/form-data; boundary=b"
    answer = ann.call("POST", "/api/tasks", data=body.encode("latin-1"), content_type=kind)
    assert (answer.status_code, answer.get_json()["fileName"]) == (202, "Tönend.wav")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_cue_sheet_comes_as_it_lies_on_a_disk(ann: User, encoding: str) -> None:
    sheet = 'TRACK 01 AUDIO\nTITLE "Fünf"\nINDEX 01 00:00:00\n'
    parts = {"newFormat": b"mp3", "split": b"cue", "cueSheet": sheet.encode(encoding)}
    body = b"".join(
        b"--b\r\nContent-Disposition: form-data; name=%b\r\n\r\n%b\r\n" % (name.encode(), text)
        for name, text in parts.items()
    )
    body += b"--b\r\nContent-Disposition: form-data; name=fileName; filename=a.wav\r\n\r\nRIFF\r\n--b--\r\n"
    answer = ann.call("POST", "/api/tasks", data=body, content_type="multipart/form-data; boundary=b")
    assert answer.status_code == 202, answer.get_json()
    assert answer.get_json()["options"]["cueSheet"].removeprefix("\ufeff") == sheet


def test_a_part_without_a_name_is_no_text_field(ann: User) -> None:
    body = b"--b\r\nContent-Disposition: form-data\r\n\r\nmp3\r\n--b--\r\n"
    answer = ann.call("POST", "/api/tasks", data=body, content_type="multipart/form-data; boundary=b")
    assert answer.status_code == 400
