"""The page's session: nothing of it can be read by scripts, sent by another site, or used after the end."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.web.site import Site

PASSWORD = "correct horse"


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.address, timeout=60) as made:
        given = {"username": "ann", "email": "ann@example.org", "password1": PASSWORD, "password2": PASSWORD}
        assert made.post("/api/auth/signup", json=given).status_code == 201
        yield made


def log_in(client: httpx.Client) -> httpx.Response:
    return client.post("/web/session", json={"username": "ann", "password": PASSWORD})


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(client: httpx.Client) -> None:
    cookie = log_in(client).headers["Set-Cookie"]
    assert re.search(r"; HttpOnly\b", cookie)
    assert re.search(r"; SameSite=Strict\b", cookie)
    assert "Expires=" in cookie


def test_the_token_itself_is_not_given_to_the_page(client: httpx.Client) -> None:
    answer = log_in(client)
    assert answer.json().keys() == {"account", "csrfToken"}
    assert client.cookies["soundmill_session"] not in answer.text


def test_a_change_needs_the_csrf_token(client: httpx.Client) -> None:
    csrf_token = log_in(client).json()["csrfToken"]
    assert client.get("/api/tasks").status_code == 200
    assert client.delete("/api/tasks/1").status_code == 401
    assert client.delete("/api/tasks/1", headers={"X-CSRF-Token": "wrong"}).status_code == 401
    assert client.delete("/api/tasks/1", headers={"X-CSRF-Token": csrf_token}).status_code == 404


@pytest.mark.parametrize("path", ["/api/tasks", "/api/me"])
def test_a_tab_of_the_session_before_sees_nothing_of_the_next(client: httpx.Client, path: str) -> None:
    before = log_in(client).json()["csrfToken"]
    now = log_in(client).json()["csrfToken"]
    assert client.get(path, headers={"X-CSRF-Token": before}).status_code == 401
    assert client.get(path, headers={"X-CSRF-Token": now}).status_code == 200


def test_another_site_s_form_cannot_log_anybody_in(client: httpx.Client) -> None:
    answer = client.post("/web/session", data={"username": "ann", "password": PASSWORD})
    assert answer.status_code == 415
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("body", ["[]", "{}", '{"username": 1, "password": []}', "nonsense"])
def test_nonsense_is_refused(client: httpx.Client, body: str) -> None:
    answer = client.post("/web/session", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_wrong_password_begins_no_session(client: httpx.Client) -> None:
    answer = client.post("/web/session", json={"username": "ann", "password": "wrong"})
    assert answer.status_code == 401
    assert client.get("/web/session").json() == {"account": None, "csrfToken": None}


def test_the_log_out_needs_the_csrf_token_and_ends_the_token_itself(client: httpx.Client) -> None:
    csrf_token = log_in(client).json()["csrfToken"]
    stolen = client.cookies["soundmill_session"]
    assert client.delete("/web/session").status_code == 401
    assert client.delete("/web/session", headers={"X-CSRF-Token": csrf_token}).status_code == 204
    assert client.cookies.get("soundmill_session") is None
    assert client.get("/api/tasks", headers={"Authorization": f"Bearer {stolen}"}).status_code == 401


def test_the_page_is_served_with_a_strict_policy_and_nothing_inline(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\bsrc=)|https?://", page.text)


def test_every_file_that_the_page_names_is_there(client: httpx.Client) -> None:
    for path in re.findall(r'(?:src|href)="(/web/[^"]+)"', client.get("/").text):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_nothing_outside_the_page_s_files_is_served(client: httpx.Client) -> None:
    for path in ("/web/static/../blueprint.py", "/web/static/%2e%2e/blueprint.py", "/web/static/"):
        assert client.get(path).status_code == 404
