"""The page where something else happens while an answer, or a file, is on its way."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.web.site import Site
from tests.web.visitor import Visitor

SONG = ("song.wav", b"RIFF of a song")

# The browser reads no file before “readOn()”.
_HOLD_READING = """() => {
  const read = Blob.prototype.arrayBuffer;
  window.held = [];
  window.readOn = () => { Blob.prototype.arrayBuffer = read; held.forEach((goOn) => goOn()); };
  Blob.prototype.arrayBuffer = function () { return new Promise((resolve) => held.push(resolve)).then(() => read.call(this)); };
}"""
# No pause lasts, but each is written down.
_HURRY = """() => {
  const wait = setTimeout;
  window.pauses = [];
  window.setTimeout = (action, pause) => { pauses.push(pause); return wait(action, 0); };
}"""


def test_a_file_stopped_while_it_is_read_is_not_sent(ann: Visitor) -> None:
    ann.page.evaluate(_HOLD_READING)
    ann.convert(("stopped.wav", b"RIFF"))
    ann.page.wait_for_function("() => held.length > 0")
    ann.page.locator("#uploads").get_by_role("button", name="Stop").click()
    ann.page.evaluate("readOn()")
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    ann.page.reload()
    expect(ann.page.locator("#tasks .name")).to_have_text(["song.wav"])


def test_an_upload_stopped_just_after_it_broke_off_does_not_hold_those_behind_it(ann: Visitor) -> None:
    held = _hold_one(ann.page, "**/api/tasks")
    with ann.page.expect_request("**/api/tasks"):
        ann.convert(("stopped.wav", b"RIFF"))
    ann.page.evaluate(_HOLD_READING)
    held[0].abort()
    ann.page.wait_for_function("() => held.length > 0")
    ann.page.locator("#uploads").get_by_role("button", name="Stop").click()
    ann.page.evaluate("readOn()")
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")


def test_an_upload_that_goes_on_leaves_no_listener_behind(ann: Visitor) -> None:
    ann.page.route("**/api/tasks", lambda route: route.abort())
    ann.convert(SONG)
    expect(ann.page.locator("#uploads .state")).to_have_text("broken off")
    assert _listeners(ann.page, "window", "online") == 1
    ann.page.unroute_all()
    ann.page.locator("#uploads").get_by_role("button", name="Try again").click()
    ann.sees("song.wav", "waiting")
    assert _listeners(ann.page, "window", "online") == 0


def test_a_log_out_takes_the_listener_of_its_list_along(ann: Visitor) -> None:
    ann.page.get_by_role("button", name="Log out").click()
    ann.log_in("ann")
    expect(ann.page.locator("#account-name")).to_be_visible()
    assert _listeners(ann.page, "document", "visibilitychange") == 1


@pytest.mark.parametrize("question", ["order=1", "order=0"], ids=["first", "again"])
def test_an_answer_that_comes_after_the_log_out_is_not_shown_to_the_next_one(ann: Visitor, question: str) -> None:
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    anns = _tasks(ann)
    anns += [{**anns[0], "id": anns[0]["id"] + 100}]  # one from another tab
    held = _hold_one(ann.page, f"**/api/tasks?{question}*")
    with ann.page.expect_request(f"**/api/tasks?{question}*"):
        ann.page.reload()
    _bob_comes_after(ann)
    held[0].fulfill(json=anns)
    _bob_converts(ann)
    expect(ann.page.locator("#tasks .name")).to_have_text(["bobs.wav"])


@pytest.mark.parametrize("status", [204, 404])
def test_a_deletion_answered_after_the_log_out_says_nothing_to_the_next_one(ann: Visitor, status: int) -> None:
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    held = _hold_one(ann.page, "**/api/tasks/*")
    with ann.page.expect_request("**/api/tasks/*"):
        ann.row("song.wav").get_by_role("button", name="Delete").click()
    _bob_comes_after(ann)
    held[0].fulfill(status=status)
    _bob_converts(ann)
    expect(ann.page.locator("#news")).not_to_contain_text("song.wav")


def test_an_answer_from_before_a_deletion_does_not_bring_the_task_back(ann: Visitor, site: Site) -> None:
    held = _hold_the_question(ann)
    site.process()
    before = _tasks(ann)
    ann.row("song.wav").get_by_role("button", name="Delete").click()
    expect(ann.page.locator("#tasks > li")).to_have_count(0)
    held[0].fulfill(json=before)
    ann.convert(("other.wav", b"RIFF"))
    ann.sees("other.wav", "waiting")
    expect(ann.page.locator("#tasks .name")).to_have_text(["other.wav"])


def test_an_answer_from_before_a_change_does_not_undo_it(ann: Visitor, site: Site) -> None:
    held = _hold_the_question(ann)
    site.process()
    before = _tasks(ann)

    def change_then_answer_late(route: Route) -> None:
        route.fulfill(response=route.fetch())
        held[0].fulfill(json=before)

    ann.page.route("**/api/tasks/*", change_then_answer_late)
    ann.row("song.wav").get_by_label("Convert into another format").select_option("flac")
    ann.row("song.wav").get_by_role("button", name="Convert song.wav to flac").click()
    ann.convert(("other.wav", b"RIFF"))
    ann.sees("other.wav", "waiting")
    ann.sees("song.wav", "waiting")
    expect(ann.row("song.wav").locator(".format")).to_have_text("flac")
    site.process()
    ann.sees("song.wav", "ready")


def test_a_service_that_is_away_is_asked_less_often_and_the_page_tells_so(ann: Visitor, site: Site) -> None:
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    ann.page.evaluate(_HURRY)
    ann.page.route("**/api/tasks?*", lambda route: route.abort())
    trouble = ann.page.locator("#trouble")
    expect(trouble).to_have_text(
        "How your conversions go on can't be shown. The service can't be reached. Is it running?"
    )
    ann.page.wait_for_function("() => pauses.filter((pause) => pause === 8000).length > 2")
    pauses = ann.page.evaluate("pauses")
    assert set(pauses) - {500} == {1000, 2000, 4000, 8000}
    assert pauses == sorted(pauses)
    ann.page.unroute_all()
    site.process()
    ann.sees("song.wav", "ready")
    expect(trouble).to_be_hidden()


def test_a_list_that_could_not_be_shown_is_asked_for_again(ann: Visitor) -> None:
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    ann.page.route("**/api/tasks?*", lambda route: route.abort())
    ann.page.reload()
    expect(ann.page.locator("#trouble")).to_contain_text("Your conversions can't be shown.")
    expect(ann.page.locator("#empty")).to_be_hidden()
    expect(ann.page.get_by_role("button", name="Show older ones")).to_be_hidden()
    ann.page.unroute_all()
    ann.sees("song.wav", "waiting")
    expect(ann.page.locator("#trouble")).to_be_hidden()


def _bob_comes_after(ann: Visitor) -> None:
    """In the same window."""
    ann.page.get_by_role("button", name="Log out").click()
    ann.sign_up("bob")
    expect(ann.page.locator("#empty")).to_be_visible()


def _bob_converts(bob: Visitor) -> None:
    """What was answered before has arrived by then."""
    bob.convert(("bobs.wav", b"RIFF"))
    bob.sees("bobs.wav", "waiting")


def _hold_the_question(ann: Visitor) -> list[Route]:
    """How a song goes on is asked, and not answered yet."""
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    held = _hold_one(ann.page, "**/api/tasks?order=0*")
    while not held:
        ann.page.evaluate("null")  # lets what the browser tells arrive
    return held


def _hold_one(page: Page, address: str) -> list[Route]:
    """The first request there is not answered until the test does it."""
    held: list[Route] = []
    page.route(address, lambda route: route.continue_() if held else held.append(route))
    return held


def _tasks(ann: Visitor) -> list[dict[str, Any]]:
    """As the service has them now."""
    given: list[dict[str, Any]] = ann.page.request.get(f"{ann.site.address}/api/tasks").json()
    return given


def _listeners(page: Page, target: str, event: str) -> int:
    browser = page.context.new_cdp_session(page)
    handle = browser.send("Runtime.evaluate", {"expression": target})["result"]["objectId"]
    found = browser.send("DOMDebugger.getEventListeners", {"objectId": handle})["listeners"]
    return sum(each["type"] == event for each in found)
