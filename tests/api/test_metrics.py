"""``/metrics``, and what ties a request to its lines in the log."""

from __future__ import annotations

import json
import re

import pytest
import structlog
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from soundmill.app import App
from soundmill.logs import configure_logs
from soundmill.model.errors import Unreachable
from soundmill.service.health import Health
from tests.api.conftest import User

type Sample = tuple[str, frozenset[tuple[str, str]]]


def scraped(client: FlaskClient) -> dict[Sample, float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def sample(name: str, **labels: str) -> Sample:
    return f"soundmill_{name}", frozenset(labels.items())


def requests(method: str, route: str, status: str) -> Sample:
    return sample("http_request_seconds_count", method=method, route=route, status=status)


def test_requests_count_by_the_template_of_their_route(client: FlaskClient, ann: User) -> None:
    for task_id in (1, 2, 3):
        ann.call("GET", f"/api/tasks/{task_id}")
    client.get("/nowhere/1")
    client.get("/nowhere/2")
    client.open("/api/tasks", method="BREW")
    found = scraped(client)
    assert found[requests("GET", "/api/tasks/<id:task_id>", "404")] == 3
    assert found[requests("GET", "none", "404")] == 2
    assert found[requests("other", "none", "405")] == 1


def test_accepted_bytes_and_refusals_count(client: FlaskClient, ann: User) -> None:
    assert ann.upload(b"R" * 5000).status_code == 202
    assert ann.upload(b"R" * 5000, newFormat="nonsense").status_code == 400
    client.get("/api/tasks")
    ann.call("GET", "/api/tasks?max=-1")  # by its schema
    ann.call("PATCH", "/api/tasks")
    found = scraped(client)
    assert found[sample("refusals_total", code="invalid_request")] == 1
    assert found[sample("refusals_total", code="method_not_allowed")] == 1
    assert found[sample("upload_bytes_total")] == 5000
    assert found[sample("refusals_total", code="unknown_format")] == 1
    assert found[sample("refusals_total", code="not_authenticated")] == 1
    assert found[sample("queue_waiting")] == 1
    assert 0 < found[sample("storage_free_bytes")] < found[sample("storage_size_bytes")]


def test_what_is_sent_twice_under_one_key_is_accepted_once(client: FlaskClient, ann: User) -> None:
    for _ in range(2):
        assert ann.upload(b"R" * 5000, headers={"Idempotency-Key": "one"}).status_code == 202
    assert scraped(client)[sample("upload_bytes_total")] == 5000


def test_who_listens_is_counted_until_it_leaves(client: FlaskClient, ann: User, app: App) -> None:
    stream = client.get("/api/events", headers=ann.headers)
    next(iter(stream.iter_encoded()))
    assert scraped(client)[sample("held_requests", kind="events")] == 1
    app.feed.close()
    stream.close()
    assert scraped(client)[sample("held_requests", kind="events")] == 0


def test_without_the_database_the_rest_is_told(client: FlaskClient, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise Unreachable("The database doesn't answer.")

    monkeypatch.setattr(app.database, "reading", refuse)
    found = scraped(client)
    assert found[sample("part_up", part="database")] == 0
    assert found[sample("part_up", part="storage")] == 1
    assert sample("queue_waiting") not in found
    assert sample("storage_free_bytes") in found


@pytest.mark.parametrize("given", ["", "with space", "x" * 129, "a\tb"])
def test_a_request_without_a_usable_id_gets_one(client: FlaskClient, given: str) -> None:
    one, other = (client.get("/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"] for _ in range(2))
    assert re.fullmatch("[0-9a-f]{32}", one)
    assert one != other


def test_a_given_id_is_in_the_answer_and_in_each_line_of_the_log(
    client: FlaskClient, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    vars(app)["health"] = Health({"database": lambda: 1 / 0})  # type: ignore[dict-item]
    configure_logs("info", "json")
    try:
        answer = client.get("/health/ready", headers={"X-Request-ID": "proxy-1"})
    finally:
        structlog.reset_defaults()
    assert answer.headers["X-Request-ID"] == "proxy-1"
    (line,) = capsys.readouterr().err.splitlines()
    logged = json.loads(line)
    assert (logged["event"], logged["part"], logged["request"]) == ("not ready", "database", "proxy-1")
    assert "ZeroDivisionError" in logged["exception"]
