"""Sign-up, log-in, log-out over HTTP."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import PASSWORD, User

ANN = {"username": "ann", "password1": PASSWORD, "password2": PASSWORD, "email": "ann@example.org"}


@pytest.mark.parametrize("body", ["json", "data"])
def test_a_person_signs_up_and_logs_in_by_json_or_form(client: FlaskClient, body: str) -> None:
    made = client.post("/api/auth/signup", **{body: ANN})
    assert (made.status_code, made.get_json()) == (
        201,
        {"id": made.get_json()["id"], "username": "ann", "email": "ann@example.org"},
    )
    token = client.post("/api/auth/login", **{body: {"username": "ann", "password": PASSWORD}})
    assert token.status_code == 200
    assert set(token.get_json()) == {"token", "expiresAt"}


def test_a_log_in_by_e_mail_works_too(client: FlaskClient) -> None:
    client.post("/api/auth/signup", json=ANN)
    answer = client.post("/api/auth/login", json={"username": "ANN@example.org", "password": PASSWORD})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"password2": "another one"}, 400),
        ({"password1": "short", "password2": "short"}, 400),
        ({"email": "nonsense"}, 400),
        ({"username": ""}, 400),
        ({"username": None}, 400),
        ({"username": ["a"]}, 400),
    ],
)
def test_a_bad_sign_up_is_refused_with_its_fields(client: FlaskClient, changes: dict[str, object], status: int) -> None:
    answer = client.post("/api/auth/signup", json={**ANN, **changes})
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["errors"]


def test_characters_that_are_none_are_told_in_a_sentence(client: FlaskClient) -> None:
    answer = client.post("/api/auth/signup", json={**ANN, "username": "a\0n"})
    assert answer.status_code == 400
    assert answer.get_json()["errors"] == [{"field": "username", "message": "This has characters that are none."}]


def test_a_sign_up_is_sent_again_with_its_key(client: FlaskClient) -> None:
    first, again = (client.post("/api/auth/signup", json=ANN, headers={"Idempotency-Key": "a"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_json() == again.get_json()
    assert client.post("/api/auth/signup", json=ANN, headers={"Idempotency-Key": "b"}).status_code == 409


def test_a_taken_name_is_a_conflict(client: FlaskClient) -> None:
    client.post("/api/auth/signup", json=ANN)
    answer = client.post("/api/auth/signup", json={**ANN, "username": "ANN", "email": "other@example.org"})
    assert answer.status_code == 409
    assert answer.get_json()["errors"][0]["field"] == "username"


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', "null", '{"username": "ann"}'])
def test_a_malformed_body_is_a_bad_request(client: FlaskClient, body: str) -> None:
    answer = client.post("/api/auth/login", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert "method" not in answer.get_json()["detail"]  # there is nothing wrong with it


def test_wrong_password_and_unknown_name_get_the_same_answer(client: FlaskClient) -> None:
    client.post("/api/auth/signup", json=ANN)
    answers = [
        client.post("/api/auth/login", json={"username": name, "password": "wrong one"}) for name in ("ann", "x")
    ]
    assert answers[0].status_code == answers[1].status_code == 401
    assert answers[0].get_json() == answers[1].get_json()


def test_too_many_log_ins_are_told_to_wait(client: FlaskClient) -> None:
    statuses = []
    for _ in range(11):
        answer = client.post("/api/auth/login", json={"username": "ann", "password": "wrong one"})
        statuses.append(answer.status_code)
    assert statuses == [401] * 10 + [429]
    assert int(answer.headers["Retry-After"]) > 0


def test_a_token_works_until_log_out(client: FlaskClient) -> None:
    client.post("/api/auth/signup", json=ANN)
    login = client.post("/api/auth/login", json={"username": "ann", "password": PASSWORD})
    headers = {"Authorization": f"Bearer {login.get_json()['token']}"}
    assert client.get("/api/me", headers=headers).get_json()["username"] == "ann"
    assert client.post("/api/auth/logout", headers=headers).status_code == 204
    answer = client.get("/api/me", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_who_logged_out_sees_none_of_the_tasks(client: FlaskClient, ann: User) -> None:
    path = f"/api/tasks/{ann.upload().get_json()['id']}"
    for each in ("/api/tasks", path):
        assert client.get(each, headers=ann.headers).status_code == 200
    assert client.post("/api/auth/logout", headers=ann.headers).status_code == 204
    for each in ("/api/tasks", path):
        assert client.get(each, headers=ann.headers).status_code == 401


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x", "Basic YTpi", "bearer a.b.c", "Bearer \u00ff"])
def test_without_a_good_token_nothing_is_shown(client: FlaskClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for path in ("/api/me", "/api/tasks", "/api/tasks/1", "/api/files/x"):
        assert client.get(path, headers=headers).status_code == 401
