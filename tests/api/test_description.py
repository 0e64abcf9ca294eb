"""The API does what its OpenAPI document says, asked all that it allows and much that it doesn't."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from soundmill.api import create_application
from soundmill.app import App
from tests.api.conftest import SECRET, User
from tests.builders import REPORT, stored_file

INNER = ("/api/board", "/claim", "/progress", "/processed", "/failed", "/released", "/seats")

load_all_checks()
# No schema says what an e-mail address or a good password is, or which options go together.
KNOWS_MORE: Any = CHECKS.get_by_names(["positive_data_acceptance"])


@pytest.fixture
def described(fleet: App) -> Any:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", create_application(fleet))
    # Names in a query that nobody knows are no fault: clients of other versions may send them.
    schema.config.generation.update(allow_extra_parameters=False)
    return schema


def headers_for(path: str, user: User) -> dict[str, str]:
    return SECRET if any(each in path for each in INNER) else user.headers


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("part", ["auth", "tasks", "board", "formats", "files", "me"])
def test_every_answer_is_described(part: str, mode: GenerationMode, described: Any, ann: User) -> None:
    asked = 0
    for found in described.include(path_regex=f"^/api/{part}").get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query or operation.path_parameters):
            continue  # there is nothing to do wrong

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=10, suppress_health_check=list(HealthCheck))
        def ask(case: Case[Any]) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(headers=headers_for(case.path, ann), excluded_checks=KNOWS_MORE)

        ask()
    assert asked or mode is GenerationMode.NEGATIVE


def test_the_document_names_no_server_and_each_tag_once(client: FlaskClient) -> None:
    # Whoever asks first decides nothing for those behind.
    client.get("/api/openapi.json", headers={"Host": "elsewhere.example"})
    document = client.get("/api/openapi.json").get_json()
    assert "elsewhere" not in str(document)
    assert "servers" not in document
    names = [each["name"] for each in document["tags"]]
    assert sorted(names) == sorted(set(names))


def test_answers_about_real_tasks_are_as_described(described: Any, app: App, ann: User) -> None:
    waiting = ann.upload(newFormat=["mp3", "flac"]).get_json()["tasks"]
    assignment = app.board.claim("worker")
    assert assignment is not None
    app.board.processed(assignment.attempt, stored_file(), REPORT)

    def asked(method: str, path: str, task: int | None = None, **query: object) -> int:
        case = described[path][method].Case(path_parameters={"task_id": task} if task else {}, query=query)
        answer = case.call_and_validate(headers=headers_for(path, ann))
        return int(answer.status_code)

    for number in (each["id"] for each in waiting):
        assert asked("GET", "/api/tasks/{task_id}", number) == 200
        assert asked("GET", "/api/tasks/{task_id}/waveform.json", number, of="source") in (200, 404)
    assert asked("GET", "/api/tasks", max=5) == 200
    assert asked("GET", "/api/me") == 200
    assert asked("GET", "/api/formats") == 200
    assert asked("POST", "/api/tasks/{task_id}/cancel", waiting[1]["id"]) == 202
    assert asked("POST", "/api/tasks/{task_id}/cancel", waiting[0]["id"]) == 409
    assert asked("POST", "/api/tasks/{task_id}/retry", waiting[1]["id"]) == 202
    assert asked("GET", "/api/tasks/{task_id}/wait", waiting[0]["id"]) == 200
    assert asked("DELETE", "/api/tasks/{task_id}", waiting[0]["id"]) == 204
