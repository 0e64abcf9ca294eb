"""An API has several processes, each with a memory of its own; what one is told counts for all at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from soundmill.api import create_application
from soundmill.app import App
from soundmill.model.conversion import Failure, FailureCode
from tests.api.conftest import User
from tests.builders import REPORT, stored_file


@pytest.fixture
def other(app: App) -> Iterator[FlaskClient]:
    """Another process's application over the same database and files, where results are kept for a week."""
    wired = App(app.settings.model_copy(update={"keep": timedelta(weeks=1).total_seconds()}))
    yield create_application(wired).test_client()
    wired.database.dispose()


def seen(client: FlaskClient, user: User) -> list[Any]:
    """The list, which agrees with what is said of each of its tasks."""
    tasks = client.get("/api/tasks", headers=user.headers).json
    assert isinstance(tasks, list)
    assert tasks == [client.get(f"/api/tasks/{each['id']}", headers=user.headers).json for each in tasks]
    return tasks


def test_a_token_that_one_process_revoked_works_in_none(client: FlaskClient, other: FlaskClient, ann: User) -> None:
    assert seen(client, ann) == seen(other, ann) == []
    assert client.post("/api/auth/logout", headers=ann.headers).status_code == 204
    for each in (other, client):
        assert each.get("/api/tasks", headers=ann.headers).status_code == 401


def test_each_process_lists_what_another_did(app: App, client: FlaskClient, other: FlaskClient, ann: User) -> None:
    first, second = (ann.upload().get_json()["id"] for _ in range(2))
    steps = [seen(other, ann)]

    def step() -> None:
        steps.append(seen(other, ann))
        assert steps[-1] != steps[-2]
        assert seen(client, ann) == [{**each, "expiresAt": None} for each in steps[-1]]

    assignment = app.board.claim("worker", first)
    assert assignment is not None
    step()
    app.board.progress(assignment.attempt, 0.5)
    step()
    app.board.processed(assignment.attempt, stored_file(), REPORT)
    step()
    assignment = app.board.claim("worker", second)
    assert assignment is not None
    app.board.failed(assignment.attempt, Failure(FailureCode.DAMAGED_INPUT, "It is broken.", retryable=False))
    step()
    assert [each["expiresAt"] is not None for each in steps[-1]] == [True, True]
    assert client.post(f"/api/tasks/{second}/retry", headers=ann.headers).status_code == 202
    step()
    assert client.put(f"/api/tasks/{first}", json={"newFormat": "flac"}, headers=ann.headers).status_code == 200
    step()
    assert client.post(f"/api/tasks/{second}/cancel", headers=ann.headers).status_code == 202
    step()
    assert client.delete(f"/api/tasks/{second}", headers=ann.headers).status_code == 204
    assert [each["id"] for each in seen(other, ann)] == [first]
