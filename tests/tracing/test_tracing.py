"""A request and the conversion that it asked for are one trace, over all processes between them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import httpx
import pytest
from structlog.testing import capture_logs

from loadtest.client import Client, sound_file
from soundmill.adapters.database import Database, DatabaseBoard, DatabaseTasks
from soundmill.app.tracing import Untraced, tracing_by
from soundmill.model.conversion import Failure, FailureCode
from soundmill.model.tasks import RetryRule
from tests import builders
from tests.chaos.cluster import running_cluster
from tests.chaos.hosts import Loopback
from tests.tracing.collector import Collector, Seen, collector
from tests.waiting import until

LEASE = timedelta(minutes=1)
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def received() -> Iterator[Collector]:
    with collector() as found:
        yield found


def below(span: Seen, spans: list[Seen]) -> list[str]:
    """The names from a span's root to the span."""
    known = {each.span: each for each in spans}
    names = [span.name]
    while span.parent in known:
        span = known[span.parent]
        names.insert(0, span.name)
    return names


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_in_a_fleet_a_request_its_message_and_its_conversion_are_one_trace(received: Collector, tmp_path: Path) -> None:
    # So late that what arrives was sent when a process ended.
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": received.url, "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    sound = sound_file(tmp_path, 1)
    with running_cluster(Loopback(is_proxied=False), settings=settings) as cluster:
        client = Client.signed_up(cluster.api_urls[0])
        headers = {"Authorization": f"Bearer {client.token}", "traceparent": TRACEPARENT}
        with sound.open("rb") as file:
            made = httpx.post(
                f"{client.url}/api/tasks",
                files={"fileName": ("song.wav", file)},
                data={"newFormat": "flac"},
                headers=headers,
                timeout=60,
            )
        task = made.raise_for_status().json()["id"]
        until(lambda: not client.is_busy(), seconds=60)
        cluster.stop()
    (request,) = (each for each in received.named("POST /api/tasks") if each.trace == TRACE)
    (message,) = (each for each in received.named("process batch") if each.trace == TRACE)
    (conversion,) = received.named("convert")
    (engine,) = received.named("engine")
    assert request.parent == TRACEPARENT.split("-")[2]
    assert below(message, received.spans) == ["POST /api/tasks", "process batch"]
    assert below(engine, received.spans) == ["POST /api/tasks", "convert", "engine"]
    assert conversion.links == (message.span,)
    assert conversion.attributes["soundmill.task"] == task
    assert conversion.attributes["soundmill.outcome"] == "processed"
    (word,) = received.named("POST /api/tasks/<id:task_id>/processed")
    assert word.parent == conversion.span
    assert {each.service for each in received.spans} == {"soundmill"}
    assert not any("progress" in each.name or "health" in each.name for each in received.spans)


def test_a_task_keeps_the_trace_of_the_request_that_asked_for_it_last(database: Database) -> None:
    given: list[str | None] = [TRACEPARENT]
    tasks = DatabaseTasks(database, queue_cap=10, traceparent=lambda: given[0])
    board = DatabaseBoard(database, lease=LEASE, retries=RetryRule())
    owner = builders.account(database)
    (task,) = builders.submitted(tasks, owner)
    first = board.claim("worker")
    given[0] = None
    tasks.restart(owner, task.id, builders.order("flac"))
    second = board.claim("worker")
    assert first is not None
    assert second is not None
    assert (first.traceparent, second.traceparent) == (TRACEPARENT, None)


def test_an_attempt_that_fails_is_a_span_that_says_why(
    received: Collector, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mill of Ω")
    tracing = tracing_by({"OTEL_EXPORTER_OTLP_ENDPOINT": received.url})
    tasks = DatabaseTasks(database, queue_cap=10, traceparent=lambda: TRACEPARENT)
    builders.submitted(tasks, builders.account(database))
    board, _ = tracing.follow(DatabaseBoard(database, lease=LEASE, retries=RetryRule()), Mock())
    claimed = board.claim("worker")
    assert claimed is not None
    board.failed(claimed.attempt, Failure(FailureCode.UNSUPPORTED_INPUT, "It isn't sound."))
    tracing.flush()
    tracing.provider.shutdown()
    (span,) = received.named("convert")
    assert (span.trace, span.parent) == (TRACE, TRACEPARENT.split("-")[2])
    assert (span.service, span.attributes["soundmill.outcome"]) == ("mill of Ω", "failed")
    assert span.attributes["error.type"] == FailureCode.UNSUPPORTED_INPUT


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "True"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_without_an_endpoint_or_when_switched_off_there_are_no_traces(environment: dict[str, str]) -> None:
    assert isinstance(tracing_by(environment), Untraced)


def test_where_traces_are_wanted_and_the_extra_is_missing_a_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundmill.adapters.tracing", None)
    with capture_logs() as lines:
        found = tracing_by({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"})
    assert isinstance(found, Untraced)
    assert ["soundmill[tracing]" in line["event"] for line in lines] == [True]


def test_nothing_of_opentelemetry_is_imported_where_nobody_wants_traces(tmp_path: Path) -> None:
    program = (
        "import sys, soundmill.fleet\n"
        "from soundmill.web.site import create_site\n"
        "create_site()\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    environment = {"SOUNDMILL_DATA_DIR": str(tmp_path), "SOUNDMILL_BROKER_URL": "redis://127.0.0.1:1/0"}
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert ran.stdout.strip() == "[]"
