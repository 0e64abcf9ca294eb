"""Tasks and files over HTTP."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient

from soundmill.api import create_application
from soundmill.app import App
from soundmill.model.formats import FORMATS
from soundmill.model.sound import ConversionReport
from tests.api.conftest import User
from tests.builders import REPORT


def process(app: App, content: bytes = b"the result", report: ConversionReport = REPORT) -> None:
    """What a worker does, without converting."""
    assignment = app.board.claim("worker")
    assert assignment is not None
    with app.workbench.scratch(assignment.attempt) as directory:
        (directory / "result").write_bytes(content)
        stored = app.workbench.publish(assignment.attempt, directory / "result")
    app.board.processed(assignment.attempt, stored, report)


def test_an_upload_is_accepted_with_its_hash_and_location(ann: User) -> None:
    answer = ann.upload(b"some bytes", newFormat=".MP3", bitRate="128k")
    assert answer.status_code == 202
    task = answer.get_json()
    assert answer.headers["Location"] == f"/api/tasks/{task['id']}"
    assert task["source"] == {
        **task["source"],
        "size": 10,
        "sha256": hashlib.sha256(b"some bytes").hexdigest(),
    }
    assert (task["fileName"], task["sourceFormat"], task["newFormat"]) == ("song.wav", "wav", "mp3")
    assert (task["status"], task["progress"], task["attempts"]) == ("uploaded", 0, 0)
    assert (task["resultName"], task["options"], task["error"]) == ("song.mp3", {"bitRate": 128_000}, None)
    assert ann.call("GET", answer.headers["Location"]).get_json() == task


def test_edits_are_kept_as_they_were_meant(ann: User) -> None:
    edits: dict[str, Any] = {
        "trimStart": "1.5",
        "loudness": "-16",
        "stripTags": "true",
        "onDamage": "Salvage",
        "tags": '{"Title": "A", "comment": ""}',
    }
    task = ann.upload(**edits).get_json()
    kept: dict[str, Any] = {
        "trimStart": 1.5,
        "loudness": -16.0,
        "stripTags": True,
        "tags": {"title": "A", "comment": ""},
    }
    kept["onDamage"] = "salvage"
    assert kept.items() <= task["options"].items()
    again = {"newFormat": "ogg", "options": {**kept, "trimStart": -1}}
    assert ann.call("PUT", f"/api/tasks/{task['id']}", json=again).status_code == 400


def test_the_result_of_a_split_is_a_zip_until_it_is_converted_anew_without(ann: User) -> None:
    sheet = "TRACK 01 AUDIO\nINDEX 01 00:00:00"
    task = ann.upload(split="cue", cueSheet=sheet).get_json()
    assert (task["newFormat"], task["resultName"]) == ("mp3", "song.zip")
    assert task["options"] == {"split": "cue", "cueSheet": sheet}
    whole = ann.call("PUT", f"/api/tasks/{task['id']}", json={"newFormat": "mp3"}).get_json()
    assert whole["resultName"] == "song.mp3"
    refused = ann.upload(split="cue", cueSheet="no sheet")
    assert refused.status_code == 400
    assert refused.get_json()["errors"][0]["field"] == "cueSheet"


def test_several_formats_make_several_tasks_of_one_upload(ann: User, app: App) -> None:
    answer = ann.upload(newFormat=["mp3", "flac"])
    assert [task["newFormat"] for task in answer.get_json()["tasks"]] == ["mp3", "flac"]
    assert len(list(app.storage.keys(timedelta(0)))) == 1


@pytest.mark.parametrize(
    ("fields", "word", "wrong"),
    [
        ({"newFormat": "exe"}, "exe", ["newFormat"]),
        ({"newFormat": []}, "newFormat", ["newFormat"]),
        ({"bitRate": "1"}, "don't fit", ["bitRate"]),
        ({"colour": "red"}, "don't fit", ["colour"]),
        ({"newFormat": ["mp3"] * 51}, "50", []),
        ({"bitRate": ["128k", "192k"]}, "bitRate", ["bitRate"]),
    ],
)
def test_a_wrong_order_is_refused_and_leaves_nothing(
    ann: User, app: App, fields: dict[str, Any], word: str, wrong: list[str]
) -> None:
    answer = ann.upload(**fields)
    assert answer.status_code == 400
    assert word in answer.get_json()["detail"]
    assert [each["field"] for each in answer.get_json().get("errors", [])] == wrong
    assert stored_files(app) == []


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"newFormat": "mp3"},
        {"newFormat": "mp3", "fileName": "text, not a file"},
        {"newFormat": "mp3", "fileName": (io.BytesIO(b""), "empty.wav")},
        {"newFormat": "mp3", "fileName": (io.BytesIO(b"x"), "")},
        {"newFormat": "mp3", "other": (io.BytesIO(b"x"), "a.wav")},
        {"newFormat": "mp3", "fileName": (io.BytesIO(b"x"), "a.wav"), "second": (io.BytesIO(b"x"), "b.wav")},
        {"newFormat": "m" * 100_000, "fileName": (io.BytesIO(b"x"), "a.wav")},
    ],
)
def test_a_form_without_one_good_file_is_refused_and_leaves_nothing(
    ann: User, app: App, form: dict[str, object]
) -> None:
    answer = ann.call("POST", "/api/tasks", data=form, content_type="multipart/form-data")
    assert answer.status_code == 400, answer.text
    assert answer.get_json()["detail"]
    assert stored_files(app) == []


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/form-data", "multipart/form-data; boundary=x", ""]
)
def test_a_body_that_is_no_form_is_refused(ann: User, content_type: str) -> None:
    answer = ann.call("POST", "/api/tasks", data=b"{}", content_type=content_type)
    assert answer.status_code == 400


def test_a_form_that_breaks_off_leaves_nothing(ann: User, app: App) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="fileName"; filename="a.wav"\r\n\r\n' + b"RIFF" * 50_000
    answer = ann.call("POST", "/api/tasks", data=body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 400
    assert stored_files(app) == []


def test_too_large_is_413_told_by_the_header_or_by_counting(ann: User, app: App) -> None:
    assert ann.upload(b"x" * (2 << 20)).status_code == 413
    assert ann.upload(b"x" * ((1 << 20) + 1)).status_code == 413
    assert stored_files(app) == []
    assert ann.upload(b"x" * (1 << 20)).status_code == 202


def test_a_full_disk_is_507_and_leaves_nothing(ann: User, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.storage, "_reserve_bytes", 1 << 60)
    assert ann.upload().status_code == 507
    assert stored_files(app) == []


def test_a_database_whose_disk_is_full_is_507_and_leaves_nothing(ann: User, app: App) -> None:
    ann.upload()
    before = stored_files(app)
    with app.database.reading() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # no larger than it is
    answer = ann.upload(name="n" * 150 + ".wav", newFormat=[*["flac"] * 40])
    assert (answer.status_code, answer.get_json()["code"]) == (507, "database_full")
    assert stored_files(app) == before


def test_a_storage_that_is_away_is_503_and_its_files_are_not_taken_for_deleted(ann: User, app: App) -> None:
    ann.upload()
    root = app.settings.data_dir
    for name in ("files", "incoming"):
        (root / name).rename(root / f"{name}.away")
    assert ann.upload().status_code == 503
    assert ann.call("GET", "/api/files/song.wav").status_code == 503
    for name in ("files", "incoming"):
        (root / f"{name}.away").rename(root / name)
    assert ann.call("GET", "/api/files/song.wav").data == b"RIFF"


def test_a_full_queue_is_503_and_leaves_nothing(app: App) -> None:
    small = App(app.settings.model_copy(update={"queue_cap": 1}))
    ann = User(create_application(small).test_client(), small, "ann")
    assert ann.upload().status_code == 202
    answer = ann.upload()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"
    assert len(stored_files(app)) == 1
    small.database.dispose()


@pytest.mark.parametrize("name", ["../../evil.wav", "a\x00b.wav", "ev\u202eil.wav", "ö" * 300 + ".wav", "🎵.wav"])
def test_nasty_names_stay_names(ann: User, app: App, name: str) -> None:
    task = ann.upload(name=name).get_json()
    assert "/" not in task["fileName"]
    assert task["fileName"].endswith(".wav")
    got = ann.call("GET", f"/api/files/{task['fileName']}")
    assert (got.status_code, got.data) == (200, b"RIFF")
    assert len(stored_files(app)) == 1


def test_a_list_in_which_nothing_changed_is_not_sent_again(ann: User) -> None:
    ann.upload()
    first = ann.call("GET", "/api/tasks", headers={"If-None-Match": '"none"'})
    known = {"If-None-Match": first.headers["ETag"]}
    again = ann.call("GET", "/api/tasks", headers=known)
    assert (again.status_code, again.data) == (304, b"")
    ann.upload(name="other.wav")
    changed = ann.call("GET", "/api/tasks", headers=known)
    assert (changed.status_code, len(changed.get_json())) == (200, 2)
    assert changed.headers["ETag"] != first.headers["ETag"]


def test_the_list_is_ordered_capped_and_paged(ann: User) -> None:
    ids = [ann.upload().get_json()["id"] for _ in range(5)]
    assert [task["id"] for task in ann.call("GET", "/api/tasks").get_json()] == ids
    assert [task["id"] for task in ann.call("GET", "/api/tasks?max=2&order=1").get_json()] == ids[:2:-1]
    assert ann.call("GET", "/api/tasks?max=0").get_json() == []
    first = ann.call("GET", "/api/tasks?max=3&order=0")
    following = first.headers["Link"].partition("<")[2].partition(">")[0]
    assert [task["id"] for task in first.get_json() + ann.call("GET", following).get_json()] == ids
    assert ann.call("GET", "/api/tasks?status=processed").get_json() == []


@pytest.mark.parametrize("query", ["max=-1", "max=x", "order=2", "status=done", "after=x"])
def test_a_wrong_query_is_refused(ann: User, query: str) -> None:
    assert ann.call("GET", f"/api/tasks?{query}").status_code == 400


def test_a_processed_task_is_downloaded_whole_or_in_part(ann: User, app: App) -> None:
    ann.upload()
    process(app, b"0123456789")
    task = ann.call("GET", "/api/tasks").get_json()[0]
    assert (task["status"], task["progress"], task["notCarried"]) == ("processed", 1, ["cover"])
    assert task["result"]["loudness"] == {"integrated": -16.2, "range": 5.1, "truePeak": -1.3}
    assert task["result"]["duration"] == 1.5
    assert task["result"]["madeBy"] == {
        "versions": {"ffmpeg": "9"},
        "settings": {"encoder": "flac", "sampleRate": 48_000},
    }
    assert task["result"]["tags"] == {"title": "Ω"}
    whole = ann.call("GET", task["result"]["url"])
    digest = hashlib.sha256(b"0123456789")
    assert whole.data == b"0123456789"
    assert whole.headers["Digest"] == f"sha-256={base64.b64encode(digest.digest()).decode()}"
    assert whole.headers["ETag"] == f'"{digest.hexdigest()}"'
    assert whole.headers["Content-Type"] == "audio/mpeg"
    assert whole.headers["Accept-Ranges"] == "bytes"
    url, etag = task["result"]["url"], whole.headers["ETag"]
    for header, status, content in (
        ({"Range": "bytes=2-4"}, 206, b"234"),
        ({"Range": "bytes=-3"}, 206, b"789"),
        ({"Range": "bytes=7-"}, 206, b"789"),
        ({"Range": "bytes=2-4", "If-Range": etag}, 206, b"234"),
        ({"Range": "bytes=2-4", "If-Range": '"other"'}, 200, b"0123456789"),
        ({"Range": "bytes=0-1,4-5"}, 200, b"0123456789"),
        ({"If-None-Match": etag}, 304, b""),
        ({"If-None-Match": etag, "Range": "bytes=2-4"}, 304, b""),
        ({"If-Match": etag, "Range": "bytes=2-4"}, 206, b"234"),
        ({"If-Match": "*"}, 200, b"0123456789"),
        ({"Range": "bytes=2-4", "If-Range": f"W/{etag}"}, 200, b"0123456789"),
    ):
        part = ann.call("GET", url, headers=header)
        assert (part.status_code, part.data) == (status, content), header
    beyond = ann.call("GET", url, headers={"Range": "bytes=100-"})
    assert beyond.status_code == 416
    assert beyond.headers["Content-Range"] == "bytes */10"
    head = ann.call("HEAD", url)
    assert (head.headers["Content-Length"], head.data) == ("10", b"")


def test_a_name_in_utf_8_survives_the_header(ann: User) -> None:
    task = ann.upload(name="Ölé “x”.wav").get_json()
    header = ann.call("GET", f"/api/files/{task['fileName']}").headers["Content-Disposition"]
    assert "filename*=UTF-8''%C3%96l%C3%A9%20%E2%80%9Cx%E2%80%9D.wav" in header


def test_a_file_has_the_media_type_that_the_formats_tell(ann: User) -> None:
    for each in ann.call("GET", "/api/formats").get_json():
        name = ann.upload(name=f"song.{each['extension']}").get_json()["fileName"]
        told = ann.call("HEAD", f"/api/files/{name}").headers["Content-Type"]
        assert told == ("video/webm" if each["name"] == "webm" else each["mimeType"])


def test_changing_the_format_starts_anew(ann: User, app: App) -> None:
    task = ann.upload().get_json()
    process(app)
    changed = ann.call("PUT", f"/api/tasks/{task['id']}", json={"newFormat": "FLAC", "options": {"bitDepth": 16}})
    assert changed.status_code == 200
    assert (changed.get_json()["status"], changed.get_json()["resultName"], changed.get_json()["result"]) == (
        "uploaded",
        "song.flac",
        None,
    )
    assert len(stored_files(app)) == 1
    refused = ann.call("PUT", f"/api/tasks/{task['id']}", json={"newFormat": "exe"})
    assert (refused.status_code, refused.get_json()["errors"][0]["field"]) == (400, "newFormat")
    assert ann.call("PUT", f"/api/tasks/{task['id']}", data={"newFormat": "ogg"}).get_json()["newFormat"] == "ogg"


def test_cancel_retry_delete(ann: User, app: App) -> None:
    path = f"/api/tasks/{ann.upload().get_json()['id']}"
    assert ann.call("POST", f"{path}/retry").status_code == 409
    assert ann.call("POST", f"{path}/cancel").get_json()["status"] == "cancelled"
    again = ann.call("POST", f"{path}/retry")
    assert (again.status_code, again.get_json()["status"]) == (202, "uploaded")
    assert ann.call("DELETE", path).status_code == 204
    assert ann.call("GET", path).status_code == 404
    assert stored_files(app) == []


def test_waiting_ends_with_the_task_or_with_the_time(ann: User, app: App) -> None:
    path = f"/api/tasks/{ann.upload().get_json()['id']}"
    assert ann.call("GET", f"{path}/wait?timeout=0.2").get_json()["status"] == "uploaded"
    with ThreadPoolExecutor(1) as worker:
        began = time.monotonic()
        worker.submit(process, app)
        assert ann.call("GET", f"{path}/wait?timeout=60").get_json()["status"] == "processed"
        assert time.monotonic() - began < 30
    assert ann.call("GET", f"{path}/wait?timeout=-1").status_code == 400


def test_a_strangers_tasks_and_files_are_not_there(ann: User, bob: User) -> None:
    task = ann.upload().get_json()
    path = f"/api/tasks/{task['id']}"
    for method, where in (
        ("GET", path),
        ("PUT", path),
        ("DELETE", path),
        ("GET", f"{path}/wait"),
        ("POST", f"{path}/retry"),
        ("POST", f"{path}/cancel"),
        ("GET", f"/api/files/{task['fileName']}"),
    ):
        answer = bob.call(method, where, json={"newFormat": "mp3"} if method == "PUT" else None)
        missing = bob.call(
            method,
            where.replace(str(task["id"]), "999999").replace("song", "none"),
            json={"newFormat": "mp3"} if method == "PUT" else None,
        )
        assert answer.status_code == missing.status_code == 404
        assert answer.get_json() == missing.get_json()
    assert ann.call("GET", path).get_json() == task


def test_every_format_is_described(client: FlaskClient) -> None:
    listed = client.get("/api/formats").get_json()
    assert [each["name"] for each in listed] == list(FORMATS)
    assert {"bitRates", "mimeType", "lossless", "sampleRates"} <= set(listed[0])
    for each in listed:
        assert each["edits"]["loudness"] == {
            "minimum": -70.0, "maximum": -5.0, "unit": "LUFS", "meaning": "Integrated loudness of the result (EBU R 128)",
            "isWhole": False,
        }  # fmt: skip
        assert each["choices"]["onDamage"]["values"] == ["fail", "salvage"]


def test_health_tells_the_truth(client: FlaskClient, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 200
    monkeypatch.setattr(app.storage, "_reserve_bytes", 1 << 60)
    full = client.get("/health/ready")
    assert (full.status_code, full.get_json()["status"]) == (200, "degraded")
    assert "disk" in full.get_json()["troubles"]
    monkeypatch.setattr(app.storage, "_reserve_bytes", 0)
    (app.settings.data_dir / "incoming").rename(app.settings.data_dir / "gone")
    unwell = client.get("/health/ready")
    assert unwell.status_code == 503
    assert list(unwell.get_json()["troubles"]) == ["storage"]
    assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/nothing", 404), ("DELETE", "/api/tasks", 405)])
def test_every_error_is_a_problem(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["status"] == status


def test_the_api_describes_itself(client: FlaskClient) -> None:
    described = client.get("/api/openapi.json").get_json()
    assert described["openapi"].startswith("3.1")
    assert {"/api/tasks", "/api/tasks/{task_id}", "/api/files/{filename}", "/api/auth/login"} <= set(described["paths"])
    assert "multipart/form-data" in described["paths"]["/api/tasks"]["post"]["requestBody"]["content"]
    named = set(re.findall('#/components/schemas/([^"]+)"', json.dumps(described)))
    assert named <= set(described["components"]["schemas"])


def stored_files(app: App) -> list[str]:
    root = app.settings.data_dir
    return [
        str(path) for part in ("files", "incoming", "scratch") for path in (root / part).rglob("*") if path.is_file()
    ]


def test_an_upload_with_a_key_is_accepted_once(ann: User, bob: User, app: App) -> None:
    key = {"Idempotency-Key": "9e1f"}
    first = ann.upload(b"some bytes", headers=key)
    again = ann.upload(b"some bytes", headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.get_json()["id"] == first.get_json()["id"]
    assert again.headers["Location"] == first.headers["Location"]
    assert len(ann.call("GET", "/api/tasks").get_json()) == 1
    assert len(stored_files(app)) == 1
    assert bob.upload(b"some bytes", headers=key).get_json()["id"] != first.get_json()["id"]


def test_a_repeated_upload_is_answered_with_what_is_left_in_the_same_shape(ann: User) -> None:
    send = partial(ann.upload, headers={"Idempotency-Key": "9e1f"}, newFormat=["mp3", "ogg"])
    first, second = (task["id"] for task in send().get_json()["tasks"])
    ann.call("DELETE", f"/api/tasks/{first}")
    assert [task["id"] for task in send().get_json()["tasks"]] == [second]
    ann.call("DELETE", f"/api/tasks/{second}")
    answer = send()
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")
    assert "deleted since" in answer.get_json()["detail"]


@pytest.mark.parametrize("other", [{"content": b"other bytes"}, {"newFormat": "flac"}, {"name": "b.wav"}])
def test_a_key_is_for_one_request(ann: User, app: App, other: dict[str, Any]) -> None:
    key = {"Idempotency-Key": "9e1f"}
    ann.upload(headers=key)
    answer = ann.upload(headers=key, **other)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "key_reused")
    assert len(stored_files(app)) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel"])
def test_a_bad_key_is_refused(ann: User, app: App, key: str) -> None:
    assert ann.upload(headers={"Idempotency-Key": key}).status_code == 400
    assert stored_files(app) == []


def test_two_uploads_at_once_with_one_key_are_one(ann: User, app: App) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: ann.upload(headers={"Idempotency-Key": "k"}).get_json()["id"], range(8)))
    assert len(set(made)) == 1
    assert len(stored_files(app)) == 1


def test_a_retry_with_a_key_takes_effect_once(ann: User) -> None:
    task = ann.upload().get_json()["id"]
    ann.call("POST", f"/api/tasks/{task}/cancel")
    answers = [ann.call("POST", f"/api/tasks/{task}/retry", headers={"Idempotency-Key": "r"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]


def test_a_cancellation_that_comes_again_with_its_key_does_not_stop_what_was_retried_meanwhile(ann: User) -> None:
    task, other = (ann.upload().get_json()["id"] for _ in range(2))
    key = {"Idempotency-Key": "c"}
    assert ann.call("POST", f"/api/tasks/{task}/cancel", headers=key).get_json()["status"] == "cancelled"
    ann.call("POST", f"/api/tasks/{task}/retry")
    again = ann.call("POST", f"/api/tasks/{task}/cancel", headers=key)
    assert (again.status_code, again.get_json()["status"]) == (202, "uploaded")
    assert ann.call("POST", f"/api/tasks/{other}/cancel", headers=key).status_code == 422
