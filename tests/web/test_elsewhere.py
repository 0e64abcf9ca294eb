"""The list follows what other tabs and devices of the account do."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.web.device import Device
from tests.web.site import Site
from tests.web.visitor import Visitor

SONG = ("song.wav", b"RIFF of a song")
ALL = ("mp3", "wav", "ogg", "opus", "aac", "m4a", "wma", "flac", "aiff", "alac")


@pytest.fixture
def phone(ann: Visitor, site: Site) -> Device:
    """Ann's other device."""
    return Device(site, "ann")


def test_a_task_made_elsewhere_shows_and_so_does_how_it_goes_on(ann: Visitor, phone: Device, site: Site) -> None:
    expect(ann.page.locator("#empty")).to_be_visible()
    phone.convert("elsewhere.wav")
    ann.sees("elsewhere.wav", "waiting")
    expect(ann.page.locator("#empty")).to_be_hidden()
    site.process()
    ann.sees("elsewhere.wav", "ready")


def test_what_is_deleted_tried_again_and_converted_anew_elsewhere_shows(
    ann: Visitor, phone: Device, site: Site
) -> None:
    ann.convert(("deleted.wav", b"1"), ("again.wav", b"2"), ("anew.wav", b"3"))
    ann.sees("anew.wav", "waiting")
    for _ in range(3):
        site.process()
    for name in ("deleted.wav", "again.wav", "anew.wav"):
        ann.sees(name, "ready")
    phone.delete("deleted.wav")
    phone.convert_anew("anew.wav", "flac")
    phone.cancel("anew.wav")
    expect(ann.row("deleted.wav")).to_have_count(0)
    ann.sees("anew.wav", "cancelled")
    expect(ann.row("anew.wav").locator(".format")).to_have_text("flac")
    phone.retry("anew.wav")
    ann.sees("anew.wav", "waiting")
    phone.delete("again.wav")  # while another one is under way
    expect(ann.row("again.wav")).to_have_count(0)


def test_older_ones_follow_too_and_what_is_not_shown_stays_so(ann: Visitor, phone: Device) -> None:
    for number in range(11):
        phone.convert(f"{number}.wav", *ALL)
    ann.page.reload()
    rows = ann.page.locator("#tasks > li")
    expect(rows).to_have_count(50)
    phone.delete("1.wav")  # not shown
    phone.delete("6.wav")
    phone.delete("10.wav")
    expect(rows).to_have_count(30)
    ann.page.get_by_role("button", name="Show older ones").click()
    expect(rows).to_have_count(80)
    phone.delete("0.wav")
    phone.convert("11.wav", *ALL)
    phone.delete("9.wav")
    expect(rows).to_have_count(70)
    for name, count in (("11.wav", 10), ("9.wav", 0), ("0.wav", 0)):
        expect(ann.page.locator("#tasks .name").get_by_text(name, exact=True)).to_have_count(count)


def test_more_new_ones_than_a_page_all_show(ann: Visitor, phone: Device) -> None:
    ann.convert(SONG)
    ann.row("song.wav").get_by_role("button", name="Cancel").click()
    ann.sees("song.wav", "cancelled")

    def act() -> None:
        for number in range(6):
            phone.convert(f"{number}.wav", *ALL)

    _unseen(ann.page, act)
    expect(ann.page.locator("#tasks > li")).to_have_count(61)


def test_a_tab_that_nobody_sees_asks_nothing_and_one_that_is_seen_again_shows_at_once(
    ann: Visitor, phone: Device
) -> None:
    _take_the_clock(ann)
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    asked: list[str] = []

    def act() -> None:
        ann.page.wait_for_load_state("networkidle")
        ann.page.on("request", lambda request: asked.append(request.url))
        phone.convert("elsewhere.wav")
        ann.page.clock.run_for(60_000)
        assert asked == []

    _unseen(ann.page, act)
    ann.page.clock.run_for(1)
    ann.sees("elsewhere.wav", "waiting")


def test_a_list_in_which_nothing_happens_is_not_sent_again(ann: Visitor, phone: Device) -> None:
    phone.convert("elsewhere.wav")
    phone.cancel("elsewhere.wav")
    ann.sees("elsewhere.wav", "cancelled")
    with ann.page.expect_response(lambda answer: "/api/tasks?" in answer.url and answer.status == 304):
        pass
    phone.retry("elsewhere.wav")
    ann.sees("elsewhere.wav", "waiting")


def test_a_quiet_list_outlives_a_service_that_is_away(ann: Visitor, phone: Device) -> None:
    ann.page.route("**/api/tasks?*", lambda route: route.abort())
    expect(ann.page.locator("#trouble")).to_contain_text("The service can't be reached.")
    phone.convert("elsewhere.wav")
    ann.page.unroute_all()
    ann.sees("elsewhere.wav", "waiting")
    expect(ann.page.locator("#trouble")).to_be_hidden()


def test_a_look_answered_after_the_log_out_is_not_shown_to_the_next_one(ann: Visitor, phone: Device) -> None:
    phone.convert("anns secret.wav")
    held: list[Route] = []
    ann.page.route("**/api/tasks?*", lambda route: route.continue_() if held else held.append(route))
    while not held:
        ann.page.evaluate("null")  # lets what the browser tells arrive
    answer = held[0].fetch()
    ann.page.get_by_role("button", name="Log out").click()
    ann.sign_up("bob")
    expect(ann.page.locator("#empty")).to_be_visible()
    held[0].fulfill(response=answer)
    ann.convert(("bobs.wav", b"RIFF"))
    ann.sees("bobs.wav", "waiting")
    expect(ann.page.locator("#tasks .name")).to_have_text(["bobs.wav"])


def test_the_focus_is_not_lost_with_a_row_that_goes_and_lands_on_nothing_that_deletes(
    ann: Visitor, phone: Device
) -> None:
    for name in ("first.wav", "second.wav"):
        phone.convert(name)
        phone.cancel(name)
        ann.sees(name, "cancelled")
    ann.row("second.wav").get_by_role("button", name="Delete").focus()
    phone.delete("second.wav")
    expect(ann.row("first.wav")).to_be_focused()
    phone.delete("first.wav")
    expect(ann.page.locator("#files")).to_be_focused()


def test_a_log_out_ends_what_other_tabs_show_also_while_the_service_is_away(ann: Visitor, site: Site) -> None:
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    other = ann.page.context.new_page()
    other.goto(site.address)
    expect(other.locator("#account-name")).to_have_text("ann")
    ann.page.route("**/api/**", lambda route: route.abort())
    other.get_by_role("button", name="Log out").click()
    expect(ann.page.get_by_role("heading", name="Log in")).to_be_visible()
    expect(ann.page.locator("#tasks > li")).to_have_count(0)


def test_many_that_end_at_once_are_told_in_one_sentence(ann: Visitor, phone: Device, site: Site) -> None:
    phone.convert("elsewhere.wav", "mp3", "ogg", "flac")
    expect(ann.page.locator("#tasks > li")).to_have_count(3)

    def act() -> None:
        for _ in range(3):
            site.process()

    _unseen(ann.page, act)
    expect(ann.page.get_by_role("status")).to_have_text("3 ready")


def test_what_comes_in_quickly_does_not_put_off_how_it_goes_on(ann: Visitor) -> None:
    _take_the_clock(ann)
    ann.page.clock.pause_at(time.time() + 3600)
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    ann.page.clock.run_for(300)
    ann.convert(("other.wav", b"RIFF"))
    ann.sees("other.wav", "waiting")
    with ann.page.expect_request("**/api/tasks?*"):
        ann.page.clock.run_for(300)


def _take_the_clock(ann: Visitor) -> None:
    """Before the page begins: what waits by the real clock already would go on doing so."""
    ann.page.clock.install()
    ann.page.reload()
    expect(ann.page.locator("#empty")).to_be_visible()


def _unseen(page: Page, act: Callable[[], object]) -> None:
    """Do it while the page is in a tab behind others."""
    show = "([hidden]) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(show, [True])
    act()
    page.evaluate(show, [False])
