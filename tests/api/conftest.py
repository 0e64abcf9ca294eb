"""A real application over a real directory and database; nobody converts."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from soundmill.adapters.database import DatabaseAccounts
from soundmill.api import create_application
from soundmill.app import App, load_settings

PASSWORD = "correct horse"
SECRET = {"Authorization": "Bearer a secret of workers that is long enough"}


class User:
    """Somebody with a token and a client. Hashing passwords takes long on purpose: only the tests of accounts do it."""

    def __init__(self, client: FlaskClient, app: App, name: str) -> None:
        self._client = client
        account = DatabaseAccounts(app.database).add(name, f"{name}@example.org", "no hash")
        self.headers = {"Authorization": f"Bearer {app.accounts._mint.issue(account.id).text}"}

    def call(self, method: str, path: str, **rest: Any) -> TestResponse:
        rest["headers"] = {**self.headers, **rest.get("headers", {})}
        return self._client.open(path, method=method, buffered=True, **rest)  # read and closed at once

    def upload(
        self, content: bytes = b"RIFF", name: str = "song.wav", headers: dict[str, str] | None = None, **fields: Any
    ) -> TestResponse:
        form = {"newFormat": "mp3", **fields, "fileName": FileStorage(io.BytesIO(content), name)}
        boundary, body = encode_multipart(form)
        kind = f"multipart/form-data; boundary={boundary}"
        return self.call("POST", "/api/tasks", data=body, content_type=kind, headers=headers or {})


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_sqlite_file: Path) -> Iterator[App]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    shutil.copy(migrated_sqlite_file, tmp_path / "data" / "soundmill.db")
    made = App(load_settings(data_dir=tmp_path / "data", upload_limit=1 << 20, storage_reserve=0))
    made.prepare()
    yield made
    made.database.dispose()


@pytest.fixture
def fleet(app: App) -> App:
    """The same application, with workers of a fleet who know its :data:`SECRET`."""
    vars(app)["settings"] = app.settings.model_copy(
        update={"worker_secret": type(app.settings.worker_secret)(SECRET["Authorization"][7:])}
    )
    return app


@pytest.fixture
def client(app: App) -> FlaskClient:
    return create_application(app).test_client()


@pytest.fixture
def ann(client: FlaskClient, app: App) -> User:
    return User(client, app, "ann")


@pytest.fixture
def bob(client: FlaskClient, app: App) -> User:
    return User(client, app, "bob")
