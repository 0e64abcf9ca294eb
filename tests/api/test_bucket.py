"""The API with its files in a bucket."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from soundmill.adapters.storage.bucket.pieces import PIECE_BYTES
from soundmill.app import App, load_settings
from soundmill.model.errors import ConfigurationError
from tests.api.conftest import User
from tests.api.test_joining import send
from tests.chaos.proxy import Proxy
from tests.servers import S3Server
from tests.waiting import until

SECRET = "known to all machines, and to nobody else"

Opened = Callable[..., App]


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[Proxy]:
    made = Proxy(s3.address)
    yield made
    made.close()


@pytest.fixture
def opened(s3: S3Server, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """An application with a database of its own, over the same prefix of the bucket."""
    monkeypatch.chdir(tmp_path)
    for name, value in s3.environment(proxy.address).items():
        monkeypatch.setenv(name, value)
    made: list[App] = []

    def open_app(machine: str, secret: str = SECRET) -> App:
        url = f"s3://{s3.BUCKET}/{tmp_path.name}"
        directory = tmp_path / machine
        made.append(App(load_settings(data_dir=directory, storage_url=url, storage_allow_http=True, secret=secret)))
        return made[-1]

    yield open_app
    for each in made:
        each.database.dispose()


@pytest.fixture
def app(opened: Opened) -> App:
    made = opened("first")
    made.prepare()
    return made


def test_an_upload_is_in_the_bucket_and_not_on_the_machine(ann: User, app: App, tmp_path: Path) -> None:
    task = ann.upload(b"RIFF and so on").get_json()
    assert ann.call("GET", f"/api/files/{task['fileName']}").data == b"RIFF and so on"
    assert len(list(app.storage.keys(timedelta(0)))) == 1
    assert {path.name.partition(".db")[0] for path in (tmp_path / "first").iterdir()} <= {"soundmill", "doorbell"}


def test_a_range_of_a_large_file_is_what_was_asked_for(ann: User) -> None:
    content = os.urandom(PIECE_BYTES + 1000)
    name = ann.upload(content).get_json()["fileName"]
    for first, last in ((0, 9), (PIECE_BYTES - 5, PIECE_BYTES + 4), (PIECE_BYTES + 990, PIECE_BYTES + 999)):
        answer = ann.call("GET", f"/api/files/{name}", headers={"Range": f"bytes={first}-{last}"})
        assert (answer.status_code, answer.data) == (206, content[first : last + 1])
    assert ann.call("GET", f"/api/files/{name}").data == content


@pytest.mark.parametrize("wanted", [{}, {"Range": f"bytes=10-{PIECE_BYTES}"}])
def test_a_download_that_breaks_off_is_short_and_one_line_of_the_log(
    client: FlaskClient, ann: User, app: App, wanted: dict[str, str]
) -> None:
    task = ann.upload(os.urandom(PIECE_BYTES + 1000)).get_json()
    answer = client.get(f"/api/files/{task['fileName']}", headers={**ann.headers, **wanted})
    assert next(answer.iter_encoded())
    assert ann.call("DELETE", f"/api/tasks/{task['id']}").status_code == 204
    with capture_logs() as lines:
        rest = sum(len(each) for each in answer.iter_encoded())
    assert 0 < rest < (answer.content_length or 0) - PIECE_BYTES // 2
    assert [(each["log_level"], each["event"]) for each in lines] == [("error", "a download broke off")]
    answer.close()


def test_a_deleted_task_s_files_are_gone_from_the_bucket(ann: User, app: App) -> None:
    task = ann.upload(os.urandom(PIECE_BYTES + 1)).get_json()
    assert ann.call("DELETE", f"/api/tasks/{task['id']}").status_code == 204
    assert list(app.storage.keys(timedelta(0))) == []


def test_joined_sources_are_read_from_the_bucket_and_leave_with_their_task(ann: User, app: App) -> None:
    contents = [b"small", os.urandom(PIECE_BYTES + 1), b"last"]
    task = send(ann, [(f"{number}.wav", each) for number, each in enumerate(contents)], join="true").get_json()
    assignment = app.board.claim("worker")
    assert assignment is not None
    with ExitStack() as bench:
        paths = [bench.enter_context(app.workbench.source(each.key)) for each in assignment.sources]
        assert [each.read_bytes() for each in paths] == contents
    assert send(ann, [("a.wav", os.urandom(PIECE_BYTES + 1)), ("b.wav", b"")], join="true").status_code == 400
    assert ann.call("DELETE", f"/api/tasks/{task['id']}").status_code == 204
    assert list(app.storage.keys(timedelta(0))) == []


def test_readiness_tells_of_a_bucket_that_is_away(client: FlaskClient, proxy: Proxy) -> None:
    until(lambda: client.get("/health/ready").get_json() == {"status": "ok"})
    proxy.cut()
    answer = client.get("/health/ready")
    assert (answer.status_code, list(answer.get_json()["troubles"])) == (503, ["storage"])
    proxy.mend()
    until(lambda: client.get("/health/ready").status_code == 200)


def test_a_bucket_needs_a_secret_that_every_machine_knows(opened: Opened) -> None:
    with pytest.raises(ConfigurationError, match="SOUNDMILL_SECRET"):
        opened("first", secret="").prepare()


def test_a_bucket_of_another_database_is_noticed(app: App, opened: Opened) -> None:
    with pytest.raises(ConfigurationError, match="another database"):
        opened("second").prepare()


@pytest.mark.parametrize(
    "url", ["bucket", "https://example.org/bucket", "s3://", "s3://bucket/../other", "file:///tmp"]
)
def test_an_address_of_nothing_that_we_know_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="SOUNDMILL_STORAGE_URL"):
        App(load_settings(storage_url=url)).storage.check()
