"""What the load test says when not all goes as it should."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from loadtest.__main__ import main
from loadtest.costs import Costs
from loadtest.report import write_report
from loadtest.sections import Section
from loadtest.spike import convert_one


def service(statuses: list[str]) -> Callable[[httpx.Request], httpx.Response]:
    """One that accepts everything; a task has these statuses one after the other, whenever it is asked for."""
    left = iter(statuses)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(202, json={"id": 1, "status": "uploaded"})
        return httpx.Response(200, json={"id": 1, "status": next(left)})

    return answer


def client(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(base_url="http://service", transport=httpx.MockTransport(answer))


def test_a_result_is_waited_for() -> None:
    seconds = convert_one(client(service(["uploaded", "processing", "processed"])), b"RIFF")
    assert seconds is not None
    assert seconds >= 0


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_what_ends_otherwise_is_not_waited_for(status: str) -> None:
    assert convert_one(client(service(["processing", status])), b"RIFF") is None


def test_a_service_that_breaks_down_is_told() -> None:
    assert convert_one(client(lambda request: httpx.Response(503)), b"RIFF") is None


def section(value: float, *, more_is_better: bool = True) -> Section:
    made = Section("Scenario")
    made.say("Something.")
    made.measure("files a minute", value, "1/min", more_is_better=more_is_better)
    return made


@pytest.mark.parametrize(
    ("before", "now", "more_is_better", "verdict"),
    [
        (0, 0, False, "as before"),
        (0, 500, False, "**worse**"),
        (3, 0, False, "better"),
        (0, 3, True, "better"),
        (3, 0, True, "**worse**"),
    ],
)
def test_nothing_at_all_is_compared_too(
    before: float, now: float, more_is_better: bool, verdict: str, tmp_path: Path
) -> None:
    for value in (before, now):
        made = section(value, more_is_better=more_is_better)
        page = write_report(tmp_path, "one service", "python -m loadtest", [made]).read_text()
    assert f"| 1/min | {verdict} |" in page


def test_figures_that_a_run_has_not_are_not_dated_by_it(tmp_path: Path) -> None:
    write_report(tmp_path, "one service", "python -m loadtest", [section(100)])
    write_report(tmp_path, "one service", "python -m loadtest", [Section("Another")])
    assert json.loads((tmp_path / "loadtest.json").read_text())["measures"] == []


def test_a_report_compares_itself_with_the_one_before(tmp_path: Path) -> None:
    write_report(tmp_path, "one service", "python -m loadtest", [section(100)])
    page = write_report(tmp_path, "one service", "python -m loadtest", [section(50)]).read_text()
    assert "**worse** (×0.50)" in page
    assert "not the same" not in page
    page = write_report(tmp_path, "another", "python -m loadtest", [section(51)], "it was interrupted").read_text()
    assert "as before (×1.02)" in page
    assert "That was one service" in page
    assert "**Not all was measured**: it was interrupted." in page
    assert json.loads((tmp_path / "loadtest.json").read_text())["target"] == "another"
    assert "<table>" in (tmp_path / "loadtest.html").read_text()


def test_of_a_service_elsewhere_no_costs_are_told_and_no_limit() -> None:
    said = Costs(spent={"ab": 0.5}, seconds=2, machine=4).sentence("file", 10)
    assert said == "What one file cost the service, and what held it back, can't be known from here."


def test_an_unknown_scenario_is_refused_before_anything_is_started() -> None:
    with pytest.raises(SystemExit, match="no scenario nonsense"):
        main(["nonsense"])


def test_nobody_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(SystemExit, match=f"no service is ready at {url}"):
            main(["soak", "--url", url, "--report", str(tmp_path)])
    assert list(tmp_path.iterdir()) == []
