"""The page where something else happens while an answer, or a file, is on its way."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from tests.web.visitor import Visitor

SONG = ("song.wav", b"RIFF of a song")

# The browser reads no file before “readOn()”.
_HOLD_READING = """() => {
  const read = Blob.prototype.arrayBuffer;
  window.held = [];
  window.readOn = () => { Blob.prototype.arrayBuffer = read; held.forEach((goOn) => goOn()); };
  Blob.prototype.arrayBuffer = function () { return new Promise((resolve) => held.push(resolve)).then(() => read.call(this)); };
}"""


def test_a_file_stopped_while_it_is_read_is_not_sent(ann: Visitor) -> None:
    ann.page.evaluate(_HOLD_READING)
    ann.convert(("stopped.wav", b"RIFF"))
    ann.page.wait_for_function("held.length > 0")
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
    ann.page.wait_for_function("held.length > 0")
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


def _hold_one(page: Page, address: str) -> list[Route]:
    """The first request there is not answered until the test does it."""
    held: list[Route] = []
    page.route(address, lambda route: route.continue_() if held else held.append(route))
    return held


def _listeners(page: Page, target: str, event: str) -> int:
    browser = page.context.new_cdp_session(page)
    handle = browser.send("Runtime.evaluate", {"expression": target})["result"]["objectId"]
    found = browser.send("DOMDebugger.getEventListeners", {"objectId": handle})["listeners"]
    return sum(each["type"] == event for each in found)
