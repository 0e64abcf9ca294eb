"""The page in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, FilePayload, Page, Request, Route, expect

from soundmill.model.conversion import Failure, FailureCode
from tests.builders import REPORT
from tests.waiting import until
from tests.web.site import Site
from tests.web.visitor import PASSWORD, Visitor

SONG = ("song.wav", b"RIFF of a song")


def test_a_new_person_signs_up_and_sees_an_empty_desk(ann: Visitor) -> None:
    expect(ann.page.locator("#account-name")).to_have_text("ann")
    expect(ann.page.get_by_text("Nothing here yet")).to_be_visible()
    expect(ann.page.get_by_role("button", name="Convert", exact=True)).to_be_disabled()


def test_what_is_wrong_is_told_beside_its_field(page: Page, site: Site) -> None:
    visitor = Visitor(page, site)
    visitor.sign_up("ann", password="short")
    complaint = page.locator("#sign-up-password1-complaint")
    expect(complaint).to_contain_text("8 to 256 characters")
    password = page.locator("[name=password1]")
    expect(password).to_have_attribute("aria-invalid", "true")
    expect(password).to_be_focused()


def test_a_wrong_password_is_told_and_the_right_one_lets_in(ann: Visitor) -> None:
    ann.page.get_by_role("button", name="Log out").click()
    ann.log_in("ann", "wrong horse")
    expect(ann.page.locator("#log-in").get_by_role("alert")).to_have_text("The name or the password is wrong.")
    ann.log_in("ANN@example.org", PASSWORD)
    expect(ann.page.locator("#account-name")).to_have_text("ann")


def test_a_session_outlives_a_reload_and_ends_with_the_log_out(ann: Visitor) -> None:
    ann.page.reload()
    expect(ann.page.locator("#account-name")).to_have_text("ann")
    ann.page.get_by_role("button", name="Log out").click()
    expect(ann.page.get_by_role("heading", name="Log in")).to_be_visible()
    ann.page.reload()
    expect(ann.page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_file_is_uploaded_converted_and_downloaded(ann: Visitor, site: Site, tmp_path: Path) -> None:
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    attempt = site.claim()
    site.progress(attempt, 0.42)
    ann.sees("song.wav", "converting 42 %")
    expect(ann.row("song.wav").get_by_role("progressbar")).to_have_js_property("value", 0.42)
    site.finish(attempt, b"the result")
    ann.sees("song.wav", "ready")
    expect(ann.row("song.wav").locator(".facts")).to_have_text("10 bytes · 0:02 · 48 kHz · stereo")
    expect(ann.row("song.wav").locator(".lost")).to_have_text("Not carried over: cover")
    expect(ann.page.get_by_role("status")).to_have_text("song.mp3: ready")
    with ann.page.expect_download() as download:
        ann.row("song.wav").get_by_role("link", name="Download song.mp3").click()
    assert download.value.suggested_filename == "song.mp3"
    download.value.save_as(tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"the result"


def test_several_files_become_several_formats(ann: Visitor) -> None:
    ann.convert(SONG, ("speech.wav", b"RIFF of a speech"), to=("ogg", "flac"))
    expect(ann.page.locator("#tasks > li")).to_have_count(4)
    expect(ann.page.locator("#uploads > li")).to_have_count(0)


def test_several_files_are_joined_in_the_order_that_was_chosen(ann: Visitor, site: Site) -> None:
    ann.choose(("one.wav", b"RIFF 1"), ("two.wav", b"RIFF 2"), ("three.wav", b"RIFF 3"))
    ann.page.get_by_label("Join into one").check()
    order = ann.page.get_by_role("list", name="Order of the files").get_by_role("listitem").locator(".name")
    expect(order).to_have_text(["one.wav", "two.wav", "three.wav"])
    ann.page.get_by_role("button", name="Move three.wav up").click()
    ann.page.get_by_role("button", name="Move one.wav down").click()
    expect(order).to_have_text(["three.wav", "one.wav", "two.wav"])
    ann.start()
    ann.sees("three.wav and 2 more", "waiting")
    expect(ann.page.locator("#tasks > li")).to_have_count(1)
    expect(ann.page.locator("#joining")).to_be_hidden()
    assignment = site.app.board.claim("test")
    assert assignment is not None
    assert [each.name for each in assignment.sources] == ["three.wav", "one.wav", "two.wav"]
    assert assignment.options.as_dict() == {"join": True}


def test_names_from_right_to_left_stand_where_the_others_do(ann: Visitor) -> None:
    ann.choose(("one.wav", b"RIFF 1"), ("שלום.wav", b"RIFF 2"))
    ann.page.get_by_label("Join into one").check()
    starts = "names => names.map((name) => { const text = document.createRange(); text.selectNodeContents(name); return text.getBoundingClientRect().left; })"
    one, other = ann.page.locator("#joining li .name").evaluate_all(starts)
    assert abs(one - other) < 2


def test_files_are_joined_by_keyboard(ann: Visitor) -> None:
    page = ann.page
    ann.choose(("one.wav", b"RIFF 1"), ("two.wav", b"RIFF 2"), ("three.wav", b"RIFF 3"))
    page.locator("#files").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Join into one")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Move one.wav down")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("one.wav: 2 of 3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Move one.wav up")).to_be_focused()
    expect(page.locator("#joining li .name")).to_have_text(["two.wav", "three.wav", "one.wav"])


def test_one_file_is_not_offered_to_be_joined_and_others_are_not_joined_unasked(ann: Visitor) -> None:
    ann.choose(SONG)
    expect(ann.page.locator("#joining")).to_be_hidden()
    ann.choose(SONG, ("speech.wav", b"RIFF of a speech"))
    ann.page.get_by_label("Join into one").check()
    ann.choose(SONG, ("speech.wav", b"RIFF of a speech"))
    expect(ann.page.get_by_label("Join into one")).not_to_be_checked()
    ann.start()
    expect(ann.page.locator("#tasks > li")).to_have_count(2)


def test_what_can_not_be_joined_is_told_beside_its_field(ann: Visitor) -> None:
    ann.page.get_by_text("Options").click()
    ann.page.get_by_label("Begin at second").fill("5")
    ann.choose(SONG, ("speech.wav", b"RIFF of a speech"))
    ann.page.get_by_label("Join into one").check()
    ann.start()
    expect(ann.page.locator("#convert-trimStart-complaint")).to_contain_text("It is about one source")


def test_dropped_files_are_chosen(ann: Visitor) -> None:
    transfer = ann.page.evaluate_handle(
        "() => { const t = new DataTransfer(); t.items.add(new File(['RIFF'], 'dropped.wav')); return t; }"
    )
    ann.page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    expect(ann.page.locator("#chosen")).to_have_text("dropped.wav, 4 bytes")
    ann.page.get_by_role("button", name="Convert", exact=True).click()
    ann.sees("dropped.wav", "waiting")


def test_files_dropped_beside_the_zone_are_chosen_too_but_not_before_the_log_in(ann: Visitor) -> None:
    make = "() => { const t = new DataTransfer(); t.items.add(new File(['RIFF'], 'dropped.wav')); return t; }"
    dropped = {"dataTransfer": ann.page.evaluate_handle(make)}
    ann.page.dispatch_event("#list-title", "dragover", dropped)
    expect(ann.page.locator("#drop")).to_have_class("drop over")
    ann.page.dispatch_event("#list-title", "drop", dropped)
    expect(ann.page.locator("#chosen")).to_have_text("dropped.wav, 4 bytes")
    expect(ann.page.locator("#drop")).to_have_class("drop")
    ann.page.get_by_role("button", name="Log out").click()
    ann.page.dispatch_event("#log-in", "drop", dropped)
    ann.log_in("ann")
    expect(ann.page.locator("#chosen")).to_have_text("Any audio, or the sound of a video")


def test_until_when_it_is_kept_is_told(ann: Visitor, site: Site) -> None:
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    [task] = ann.page.request.get(f"{site.address}/api/tasks").json()
    ended = {**task, "status": "cancelled", "expiresAt": "2031-05-04T12:00:00+00:00"}
    ann.page.route("**/api/tasks?*", lambda route: route.fulfill(json=[ended]))
    expect(ann.row("song.wav").locator(".facts")).to_contain_text("kept until May 4, 2031")


def test_an_action_that_is_refused_is_told_also_to_those_who_do_not_see_it(ann: Visitor) -> None:
    ann.convert(SONG)
    ann.page.route("**/cancel", lambda route: route.fulfill(status=429, json={"detail": "Not now."}))
    ann.row("song.wav").get_by_role("button", name="Cancel").click()
    expect(ann.page.get_by_role("status")).to_have_text("song.wav: Not now.")
    expect(ann.row("song.wav").locator(".error")).to_have_text("Not now.")


def test_the_reason_of_a_failure_is_shown_and_it_can_be_tried_again(ann: Visitor, site: Site) -> None:
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    site.fail(Failure(FailureCode.NO_AUDIO, "This file holds no audio."))
    ann.sees("song.wav", "failed")
    expect(ann.row("song.wav").locator(".error")).to_have_text("This file holds no audio.")
    ann.row("song.wav").get_by_role("button", name="Try again").click()
    ann.sees("song.wav", "waiting")
    expect(ann.row("song.wav").locator(".error")).to_be_hidden()
    site.process()
    ann.sees("song.wav", "ready")


def test_of_a_damaged_file_what_can_be_read_is_converted_by_a_button(ann: Visitor, site: Site) -> None:
    ann.page.get_by_text("Options").click()
    ann.page.get_by_label("Channels").select_option("mono")
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    damaged = Failure(FailureCode.DAMAGED_INPUT, "The file is damaged after 0:15.")
    site.fail(damaged)
    ann.sees("song.wav", "failed")
    expect(ann.row("song.wav").get_by_role("button", name="Try again")).to_be_hidden()
    ann.row("song.wav").get_by_role("button", name="Convert what can be read").click()
    ann.sees("song.wav", "waiting")
    assignment = site.app.board.claim("test")
    assert assignment is not None
    assert assignment.options.as_dict() == {"channels": 1, "onDamage": "salvage"}
    site.app.board.failed(assignment.attempt, damaged)
    ann.sees("song.wav", "failed")
    expect(ann.row("song.wav").get_by_role("button", name="Convert what can be read")).to_be_hidden()
    expect(ann.row("song.wav").get_by_role("button", name="Try again")).to_be_visible()


def test_a_task_is_cancelled_converted_into_another_format_and_deleted(ann: Visitor, site: Site) -> None:
    ann.convert(SONG)
    ann.row("song.wav").get_by_role("button", name="Cancel").click()
    ann.sees("song.wav", "cancelled")
    ann.row("song.wav").get_by_label("Convert into another format").select_option("flac")
    ann.row("song.wav").get_by_role("button", name="Convert song.wav to flac").click()
    ann.sees("song.wav", "waiting")
    expect(ann.row("song.wav").locator(".format")).to_have_text("flac")
    site.process(report=replace(REPORT, not_carried=()))
    ann.sees("song.wav", "ready")
    expect(ann.row("song.wav").locator(".lost")).to_be_hidden()
    ann.row("song.wav").get_by_role("button", name="Delete").click()
    expect(ann.page.get_by_text("Nothing here yet")).to_be_visible()


def test_options_reach_the_conversion(ann: Visitor, site: Site) -> None:
    ann.page.get_by_text("Options").click()
    ann.page.get_by_label("Bit rate").select_option("128k")
    ann.page.get_by_label("Constant or variable").select_option("variable")
    ann.page.get_by_label("Channels").select_option("mono")
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    assignment = site.app.board.claim("test")
    assert assignment is not None
    assert assignment.options.as_dict() == {"bitRate": 128_000, "bitRateMode": "variable", "channels": 1}


def test_the_sound_can_be_edited(ann: Visitor, site: Site) -> None:
    ann.page.get_by_text("Options").click()
    ann.page.get_by_label("Begin at second").fill("1.5")
    ann.page.get_by_label("End at second").fill("60")
    ann.page.get_by_label("Silence at the ends").select_option("cut off")
    ann.page.get_by_label("Loudness").select_option("-16")
    ann.page.get_by_label("Damaged files").select_option("salvage")
    ann.convert(SONG, to=("mp3", "flac"))
    expect(ann.page.locator("#tasks > li")).to_have_count(2)
    assignment = site.app.board.claim("test")
    assert assignment is not None
    assert assignment.options.as_dict() == {
        "trimStart": 1.5, "trimEnd": 60.0, "trimSilence": True, "loudness": -16.0, "onDamage": "salvage"
    }  # fmt: skip


def test_pieces_are_told_from_a_single_result(ann: Visitor, site: Site) -> None:
    ann.page.get_by_text("Options").click()
    ann.page.get_by_label("Into pieces").select_option("silence")
    ann.convert(SONG, to=("flac",))
    expect(ann.row("song.wav").locator(".format")).to_have_text("flac in a ZIP")
    site.process()
    ann.sees("song.wav", "ready")
    expect(ann.row("song.wav").get_by_role("link", name="Download song.zip")).to_be_visible()


def test_edits_that_contradict_each_other_are_told_beside_their_field(ann: Visitor) -> None:
    ann.page.get_by_text("Options").click()
    ann.page.get_by_label("Begin at second").fill("5")
    ann.page.get_by_label("End at second").fill("2")
    ann.convert(SONG)
    expect(ann.page.locator("#convert-trimEnd-complaint")).to_have_text("It must lie behind “Begin at second”.")


def test_a_complaint_leaves_the_fields_beside_it_in_their_shape(ann: Visitor) -> None:
    ann.page.get_by_text("Options").click()
    ann.page.get_by_label("Bit rate").select_option("128k")
    ann.page.get_by_label("Quality").fill("3")
    beside = ann.page.get_by_label("Sample rate")
    before = beside.evaluate("field => field.offsetHeight")
    ann.convert(SONG)
    expect(ann.page.locator("#convert-quality-complaint")).to_contain_text(
        "Give either “Bit rate” or “Quality, 0 (best)"
    )
    assert beside.evaluate("field => field.offsetHeight") == before


def test_a_complaint_about_an_option_opens_the_options(ann: Visitor) -> None:
    ann.page.get_by_text("Options").click()
    ann.page.get_by_label("Begin at second").fill("5")
    ann.page.get_by_label("End at second").fill("2")
    ann.page.get_by_text("Options").click()
    ann.convert(SONG)
    expect(ann.page.locator("#convert-trimEnd-complaint")).to_be_visible()
    expect(ann.page.get_by_label("End at second")).to_be_focused()


def test_a_number_that_can_not_be_is_told_although_the_options_are_closed(ann: Visitor) -> None:
    ann.page.get_by_text("Options").click()
    ann.page.get_by_label("Quality").fill("99")
    ann.page.get_by_text("Options").click()
    ann.convert(SONG)
    expect(ann.page.get_by_label("Quality, 0 (best) to 9")).to_be_focused()


def test_files_whose_options_are_refused_are_sent_again_without_choosing_them_again(ann: Visitor) -> None:
    ann.page.get_by_text("Options").click()
    ann.page.get_by_label("Begin at second").fill("5")
    ann.page.get_by_label("End at second").fill("2")
    ann.convert(SONG, ("other.wav", b"RIFF"))
    expect(ann.page.locator("#convert-trimEnd-complaint")).to_be_visible()
    expect(ann.page.locator("#chosen")).to_have_text("2 files, 18 bytes")
    expect(ann.page.locator("#uploads > li")).to_have_count(0)
    ann.page.get_by_label("End at second").fill("20")
    ann.start()
    expect(ann.page.locator("#tasks .name")).to_have_text(["other.wav", "song.wav"])


def test_what_can_not_be_joined_stays_in_its_order(ann: Visitor) -> None:
    ann.page.get_by_text("Options").click()
    ann.page.get_by_label("Begin at second").fill("5")
    ann.choose(SONG, ("speech.wav", b"RIFF of a speech"))
    ann.page.get_by_label("Join into one").check()
    ann.page.get_by_role("button", name="Move song.wav down").click()
    ann.start()
    expect(ann.page.locator("#convert-trimStart-complaint")).to_be_visible()
    expect(ann.page.locator("#joining li .name")).to_have_text(["speech.wav", "song.wav"])
    ann.page.get_by_label("Begin at second").fill("")
    ann.start()
    ann.sees("speech.wav and 1 more", "waiting")


def test_a_result_is_drawn(ann: Visitor, site: Site) -> None:
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    wave = ann.row("song.wav").get_by_alt_text("Waveform of song.mp3")
    expect(wave).to_be_hidden()
    site.process()
    expect(wave).to_be_visible()
    expect(wave).to_have_js_property("naturalWidth", 1400)


def test_a_result_without_a_waveform_shows_no_broken_picture(ann: Visitor, site: Site) -> None:
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    site.process(report=replace(REPORT, source_waveform=None))
    ann.sees("song.wav", "ready")
    expect(ann.row("song.wav").locator(".wave")).to_be_hidden()


def test_only_options_that_all_chosen_formats_take_are_offered(ann: Visitor) -> None:
    ann.page.get_by_text("Options").click()
    expect(ann.page.get_by_label("Bit depth")).to_have_count(0)
    ann.page.locator("#formats").get_by_text("mp3", exact=True).click()
    ann.page.locator("#formats").get_by_text("flac", exact=True).click()
    expect(ann.page.get_by_label("Bit rate")).to_have_count(0)
    assert ann.page.get_by_label("Bit depth").locator("option").all_inner_texts() == ["automatic", "16 bit", "24 bit"]


def test_what_was_entered_outlives_a_change_of_the_format(ann: Visitor, site: Site) -> None:
    ann.page.get_by_text("Options").click()
    ann.page.get_by_label("Begin at second").fill("1.5")
    ann.page.get_by_label("Bit rate").select_option("128k")
    for name in ("mp3", "flac", "flac", "ogg"):  # one off before the next is on
        ann.page.locator(f".chip:has([value={name}])").click()
    expect(ann.page.get_by_label("Begin at second")).to_have_value("1.5")
    expect(ann.page.get_by_label("Bit rate")).to_have_count(0)
    for name in ("ogg", "mp3"):
        ann.page.locator(f".chip:has([value={name}])").click()
    expect(ann.page.get_by_label("Bit rate")).to_have_value("128k")


def test_a_refused_upload_says_why(ann: Visitor) -> None:
    ann.convert(("large.wav", bytes(2 << 20)))
    expect(ann.page.locator("#uploads .error")).to_contain_text("larger than")
    ann.page.get_by_role("button", name="Dismiss").click()
    expect(ann.page.locator("#uploads > li")).to_have_count(0)


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>.wav", "\u202egnp.wav", "“Ω” & 🎵.wav"])
def test_a_name_is_text_whatever_it_holds(ann: Visitor, name: str) -> None:
    ann.convert((name, b"RIFF"))
    shown = ann.page.locator("#tasks .name")
    expect(shown).to_have_text(name.replace("\u202e", ""))
    expect(ann.page.locator("#tasks .what img")).to_have_count(0)


def test_everything_is_done_by_keyboard(ann: Visitor) -> None:
    page = ann.page
    page.locator("#files").set_input_files(FilePayload(name="song.wav", mimeType="audio/wav", buffer=b"RIFF"))
    page.locator("#files").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#formats [value=mp3]")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("#formats [value=wav]")).to_be_checked()
    page.get_by_role("button", name="Convert", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#tasks > li")).to_have_count(2)
    page.get_by_role("button", name="Delete").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#tasks > li")).to_have_count(1)
    expect(page.get_by_role("button", name="Delete")).to_be_focused()


def test_enter_held_down_and_a_double_click_delete_one(ann: Visitor) -> None:
    ann.convert(SONG, to=("mp3", "wav", "ogg", "flac"))
    rows = ann.page.locator("#tasks > li")
    expect(rows).to_have_count(4)
    deleted: list[Request] = []
    ann.page.on("request", lambda asked: deleted.append(asked) if asked.method == "DELETE" else None)
    ann.page.get_by_role("button", name="Delete").first.focus()
    ann.page.keyboard.down("Enter")
    expect(rows).to_have_count(3)
    ann.page.keyboard.down("Enter")  # as a key that is held down repeats
    ann.page.keyboard.up("Enter")
    box = ann.page.get_by_role("button", name="Delete").first.bounding_box()
    assert box
    ann.page.mouse.move(box["x"] + 5, box["y"] + 5)
    ann.page.mouse.down(click_count=1)
    ann.page.mouse.up(click_count=1)
    expect(rows).to_have_count(2)
    ann.page.mouse.down(click_count=2)
    ann.page.mouse.up(click_count=2)
    ann.convert(("other.wav", b"RIFF"))
    ann.sees("other.wav", "waiting")
    assert len(deleted) == 2


def test_the_arrow_keys_choose_a_format_and_convert_nothing(ann: Visitor, site: Site) -> None:
    ann.convert(SONG, to=("wav",))
    ann.sees("song.wav", "waiting")
    site.process()
    ann.sees("song.wav", "ready")
    ann.row("song.wav").get_by_label("Convert into another format").focus()
    ann.page.keyboard.press("ArrowDown")
    ann.page.keyboard.press("ArrowDown")
    ann.page.keyboard.press("ArrowUp")
    expect(ann.row("song.wav").get_by_role("button", name="Convert song.wav to mp3")).to_be_visible()
    ann.sees("song.wav", "ready")
    ann.page.keyboard.press("Tab")
    ann.page.keyboard.press("Enter")
    ann.sees("song.wav", "waiting")
    expect(ann.row("song.wav").locator(".format")).to_have_text("mp3")
    expect(ann.row("song.wav").get_by_label("Convert into another format")).to_be_focused()


def test_the_focus_stays_where_one_works(page: Page, site: Site) -> None:
    ann = Visitor(page, site)
    ann.sign_up("ann")
    expect(page.locator("#files")).to_be_focused()  # and not in the form that is gone
    ann.choose(SONG)
    page.get_by_role("button", name="Convert", exact=True).press("Enter")
    expect(page.locator("#files")).to_be_focused()
    ann.row("song.wav").get_by_role("button", name="Cancel").press("Enter")
    expect(ann.row("song.wav").get_by_role("button", name="Try again")).to_be_focused()
    page.keyboard.press("Enter")
    expect(ann.row("song.wav").get_by_role("button", name="Cancel")).to_be_focused()
    site.process()
    expect(ann.row("song.wav").get_by_role("link", name="Download")).to_be_focused()


def test_the_focus_stays_on_a_button_that_was_refused(page: Page, site: Site) -> None:
    page.goto(site.address)
    page.get_by_label("Name or e-mail").fill("nobody")
    page.locator("#log-in [name=password]").fill("no password")
    page.get_by_role("button", name="Log in").press("Space")
    expect(page.locator("#log-in .error")).to_contain_text("wrong")
    expect(page.get_by_role("button", name="Log in")).to_be_focused()


def test_older_tasks_are_shown_when_asked_for(ann: Visitor, site: Site) -> None:
    for number in range(6):
        ann.convert((f"{number}.wav", b"RIFF"), to=("mp3", "wav", "ogg", "opus", "aac", "m4a", "wma", "flac", "aiff"))
    expect(ann.page.locator("#tasks > li")).to_have_count(54)
    ann.page.reload()
    expect(ann.page.locator("#tasks > li")).to_have_count(50)
    ann.page.get_by_role("button", name="Show older ones").click()
    expect(ann.page.locator("#tasks > li")).to_have_count(54)


def test_older_tasks_are_shown_when_all_newer_ones_are_deleted(ann: Visitor) -> None:
    for number in range(6):
        ann.convert((f"{number}.wav", b"RIFF"), to=("mp3", "wav", "ogg", "opus", "aac", "m4a", "wma", "flac", "aiff"))
    expect(ann.page.locator("#tasks > li")).to_have_count(54)
    ann.page.reload()
    expect(ann.page.locator("#tasks > li")).to_have_count(50)
    ann.page.evaluate("document.querySelectorAll('#tasks .delete').forEach((button) => button.click())")
    expect(ann.page.locator("#tasks > li")).to_have_count(0)
    expect(ann.page.get_by_text("Nothing here yet")).to_be_hidden()
    ann.page.get_by_role("button", name="Show older ones").click()
    expect(ann.page.locator("#tasks > li")).to_have_count(4)
    expect(ann.page.locator("#trouble")).to_be_hidden()


def test_a_session_that_ended_elsewhere_leads_to_the_log_in(ann: Visitor) -> None:
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    ann.page.route("**/api/tasks?*", lambda route: route.fulfill(status=429, json={}))
    ann.page.context.clear_cookies()
    ann.row("song.wav").get_by_role("button", name="Cancel").click()
    expect(ann.page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_tab_does_not_show_the_tasks_of_who_logged_in_in_another(ann: Visitor, site: Site) -> None:
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    ann.page.route(
        "**/api/tasks?*", lambda route: route.fulfill(status=429, json={})
    )  # a tab in the background asks nothing
    tab = ann.page.context.new_page()
    tab.add_init_script("BroadcastChannel.prototype.postMessage = () => {}")  # as if it were another browser
    other = Visitor(tab, site)
    other.page.get_by_role("button", name="Log out").click()
    other.sign_up("bob")
    other.convert(("bobs.wav", b"RIFF"))
    other.sees("bobs.wav", "waiting")
    ann.page.unroute_all()
    expect(ann.page.get_by_role("heading", name="Log in")).to_be_visible()


def test_uploads_wait_where_one_breaks_off_and_each_is_accepted_once(ann: Visitor) -> None:
    def lose_the_answer(route: Route) -> None:
        if route.request.method == "POST":
            route.fetch()
            route.abort()
        else:
            route.continue_()

    ann.page.route("**/api/tasks", lose_the_answer)
    ann.convert(("first.wav", b"RIFF1"), ("second.wav", b"RIFF2"))
    first, second = ann.page.locator("#uploads > li").all()
    expect(first.locator(".error")).to_have_text("The upload broke off. Try again.")
    expect(second.locator(".state")).to_have_text("waiting")
    ann.page.unroute_all()
    first.get_by_role("button", name="Try again").click()
    expect(ann.page.locator("#tasks .name")).to_have_text(["second.wav", "first.wav"])
    expect(ann.page.locator("#uploads > li")).to_have_count(0)
    ann.page.reload()
    expect(ann.page.locator("#tasks .name")).to_have_text(["second.wav", "first.wav"])


@pytest.mark.parametrize("status", [429, 503])
def test_what_the_service_can_not_take_just_now_is_sent_again_when_it_says(ann: Visitor, status: int) -> None:
    soon, why = {"Retry-After": "1"}, {"detail": "Not now."}
    refused = _refuse_uploads(ann.page, lambda route: route.fulfill(status=status, headers=soon, json=why))
    ann.convert(("first.wav", b"RIFF1"), ("second.wav", b"RIFF2"))
    first, second = ann.page.locator("#uploads > li").all()
    expect(first.locator(".error")).to_have_text("Not now.")
    expect(first.locator(".state")).to_have_text("not taken yet")
    expect(second.locator(".state")).to_have_text("waiting")
    until(lambda: ann.page.evaluate("1") and len(refused) > 1)
    ann.page.unroute_all()
    expect(ann.page.locator("#tasks .name")).to_have_text(["second.wav", "first.wav"])


@pytest.mark.parametrize("status", [429, 507, 502])
def test_what_finds_no_room_waits_until_the_user_made_some(ann: Visitor, status: int) -> None:
    _refuse_uploads(ann.page, lambda route: route.fulfill(status=status, headers={"Retry-After": "3600"}, body="<p>"))
    ann.convert(SONG, ("other.wav", b"RIFF"))
    expect(ann.page.locator("#uploads .state")).to_have_text(["not taken yet", "waiting"])
    ann.page.unroute_all()
    ann.page.get_by_role("button", name="Try again: song.wav").click()
    ann.sees("other.wav", "waiting")
    expect(ann.page.locator("#uploads > li")).to_have_count(0)


def test_many_uploads_leave_the_list_in_reach_and_are_stopped_at_once(ann: Visitor) -> None:
    held = _refuse_uploads(ann.page, lambda route: None)
    ann.convert(*((f"{number}.wav", b"RIFF") for number in range(60)))
    expect(ann.page.locator("#uploads > li")).to_have_count(60)
    where = ann.page.locator("#list-title").bounding_box()
    assert where
    assert where["y"] < 1500
    until(lambda: ann.page.evaluate("1") and held)
    ann.page.get_by_role("button", name="Stop all").click()
    expect(ann.page.locator("#uploads > li")).to_have_count(0)
    expect(ann.page.get_by_role("button", name="Stop all")).to_be_hidden()
    expect(ann.page.locator("#files")).to_be_focused()
    ann.page.unroute_all()
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    expect(ann.page.locator("#tasks > li")).to_have_count(1)


def test_uploads_go_on_by_themselves_when_the_network_is_back(ann: Visitor) -> None:
    ann.page.context.set_offline(True)
    ann.convert(SONG)
    expect(ann.page.locator("#uploads .state")).to_have_text("broken off")
    ann.page.context.set_offline(False)
    ann.sees("song.wav", "waiting")


def test_uploads_go_on_by_themselves_when_the_service_is_back(ann: Visitor) -> None:
    ann.page.route("**/api/tasks*", lambda route: route.abort())
    ann.convert(SONG)
    expect(ann.page.locator("#uploads .state")).to_have_text("broken off")
    expect(ann.page.locator("#trouble")).to_contain_text("The service can't be reached.")
    ann.page.unroute_all()
    ann.sees("song.wav", "waiting")


def test_without_a_network_that_is_told(ann: Visitor) -> None:
    ann.page.context.set_offline(True)
    expect(ann.page.locator("#trouble")).to_contain_text("There is no network.")
    ann.page.context.set_offline(False)
    expect(ann.page.locator("#trouble")).to_be_hidden()


def test_the_sounds_in_a_folder_are_chosen(ann: Visitor, tmp_path: Path) -> None:
    (tmp_path / "album" / "disc 2").mkdir(parents=True)
    for name in ("10.wav", "9.wav", "cover.jpg", ".hidden.wav", "disc 2/1.mp3", "strange"):
        (tmp_path / "album" / name).write_bytes(b"RIFF")
    _drop(ann.page, tmp_path / "album")
    expect(ann.page.locator("#chosen")).to_have_text("4 files, 16 bytes")
    ann.start()
    expect(ann.page.locator("#tasks .name")).to_have_text(["strange", "1.mp3", "10.wav", "9.wav"])


def test_a_folder_of_more_files_than_a_browser_lists_at_once_is_chosen_whole(ann: Visitor, tmp_path: Path) -> None:
    for number in range(250):
        (tmp_path / f"{number}.wav").write_bytes(b"RIFF")
    _drop(ann.page, tmp_path)
    expect(ann.page.locator("#chosen")).to_have_text("250 files, 1.0 kB")


def test_a_folder_without_sound_is_told_to_be_one(ann: Visitor, tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    _drop(ann.page, tmp_path / "album")
    expect(ann.page.locator("#chosen")).to_have_text("There is no sound in that folder")
    expect(ann.page.get_by_role("button", name="Convert", exact=True)).to_be_disabled()


def test_whose_session_ends_amid_uploads_is_told_and_the_next_one_sees_none_of_them(ann: Visitor) -> None:
    ann.choose(("secret name.wav", b"RIFF"), ("other.wav", b"RIFF"))
    ann.page.context.clear_cookies()
    ann.start()
    expect(ann.page.get_by_role("alert").filter(has_text="Your session has ended")).to_contain_text("Choose the files")
    ann.sign_up("bob")
    expect(ann.page.locator("#account-name")).to_have_text("bob")
    expect(ann.page.locator("#uploads > li")).to_have_count(0)
    expect(ann.page.locator("#trouble")).to_be_hidden()


@pytest.mark.parametrize("path", ["/api/formats", "/api/tasks?*", "/web/session"])
def test_what_can_not_be_shown_is_told(ann: Visitor, path: str) -> None:
    ann.page.route(f"**{path}", lambda route: route.fulfill(status=429, json={"detail": "Not now."}))
    ann.page.reload()
    told = ann.page.get_by_role("alert").filter(has_text="Not now.")
    expect(told).to_be_visible()
    assert told.evaluate("it => getComputedStyle(it).paddingBottom") != "0px"  # the header's line is below it


def test_what_waits_to_be_uploaded_does_not_become_the_next_ones_who_logs_in(ann: Visitor) -> None:
    held: list[Route] = []
    ann.page.route(
        "**/api/tasks", lambda route: held.append(route) if route.request.method == "POST" else route.continue_()
    )
    with ann.page.expect_request("**/api/tasks"):
        ann.convert(("first.wav", b"RIFF"), ("second.wav", b"RIFF"))
    with ann.page.expect_event("dialog") as asked:
        ann.page.evaluate("setTimeout(() => document.getElementById('log-out').click())")
    asked.value.dismiss()
    expect(ann.page.locator("#uploads > li")).to_have_count(2)
    ann.page.on("dialog", lambda dialog: dialog.accept())
    ann.page.get_by_role("button", name="Log out").click()
    ann.sign_up("bob")
    expect(ann.page.locator("#account-name")).to_have_text("bob")
    ann.page.unroute_all()
    with suppress(Error):  # it was stopped
        held[0].continue_()
    expect(ann.page.locator("#uploads > li")).to_have_count(0)
    expect(ann.page.locator("#empty")).to_be_visible()
    expect(ann.page.locator("#tasks > li")).to_have_count(0)


def test_who_leaves_while_a_file_is_on_its_way_is_asked_first(ann: Visitor) -> None:
    held: list[Route] = []
    ann.page.route(
        "**/api/tasks", lambda route: held.append(route) if route.request.method == "POST" else route.continue_()
    )
    ann.convert(("song.wav", b"RIFF"))
    with ann.page.expect_event("dialog") as asked:
        ann.page.evaluate("setTimeout(() => location.reload())")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    expect(ann.page.locator("#uploads > li")).to_have_count(1)
    ann.page.locator("#uploads .stop").click()
    ann.page.reload()  # asks nothing: it would wait for an answer
    expect(ann.page.locator("#account-name")).to_have_text("ann")


def test_a_log_out_that_fails_is_told(ann: Visitor) -> None:
    expect(ann.page.locator("#account-name")).to_have_text("ann")
    ann.page.route("**/web/session", lambda route: route.fulfill(status=429, json={"detail": "Not now."}))
    ann.page.get_by_role("button", name="Log out").click()
    expect(ann.page.get_by_role("alert").filter(has_text="still logged in. Not now.")).to_be_visible()
    ann.page.unroute_all()
    ann.page.get_by_role("button", name="Log out").click()
    expect(ann.page.get_by_role("heading", name="Log in")).to_be_visible()


def test_it_fits_a_phone(ann: Visitor) -> None:
    ann.page.set_viewport_size({"width": 360, "height": 740})
    ann.convert(("a-name-without-any-blank-" * 6 + ".wav", b"RIFF"))
    expect(ann.page.locator("#tasks > li")).to_have_count(1)
    assert ann.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_nothing_is_squeezed_on_a_small_phone(ann: Visitor) -> None:
    ann.page.set_viewport_size({"width": 320, "height": 640})
    ann.choose(SONG, ("other.wav", b"RIFF"))
    width, height = ann.page.get_by_label("Join into one").evaluate("box => [box.offsetWidth, box.offsetHeight]")
    assert width == height
    log_out, start = (ann.page.get_by_role("button", name=name, exact=True) for name in ("Log out", "Convert"))
    assert log_out.evaluate("it => it.offsetHeight") < start.evaluate("it => it.offsetHeight")


def test_the_chosen_formats_are_to_be_seen_with_forced_colours(ann: Visitor) -> None:
    ann.page.emulate_media(forced_colors="active")
    chosen, other = (
        ann.page.locator(f".chip:has([value={name}]) span").evaluate("chip => getComputedStyle(chip).backgroundColor")
        for name in ("mp3", "wav")
    )
    assert chosen != other


def test_only_the_list_is_printed(ann: Visitor) -> None:
    ann.convert(SONG)
    ann.sees("song.wav", "waiting")
    ann.page.emulate_media(media="print")
    expect(ann.row("song.wav").locator(".name")).to_be_visible()
    expect(ann.row("song.wav").get_by_role("button")).to_have_count(0)
    expect(ann.page.locator("#convert")).to_be_hidden()


def test_only_waveforms_that_come_into_view_are_fetched(ann: Visitor, site: Site) -> None:
    drawn: set[str] = set()
    ann.page.on("request", lambda asked: drawn.add(asked.url) if "waveform" in asked.url else None)
    for number in range(4):
        ann.convert((f"{number}.wav", b"RIFF"), to=("mp3", "wav", "ogg", "opus", "aac", "m4a", "wma", "flac", "aiff"))
    expect(ann.page.locator("#tasks > li")).to_have_count(36)
    for _ in range(36):
        site.process()
    expect(ann.page.locator("#tasks .state").get_by_text("ready")).to_have_count(36)
    drawn.clear()
    ann.page.set_viewport_size({"width": 900, "height": 500})
    ann.page.reload()
    expect(ann.row("3.wav").locator(".wave")).to_have_js_property("naturalWidth", 1400)
    assert len(drawn) < 30
    ann.page.locator("#tasks > li").last.scroll_into_view_if_needed()
    expect(ann.page.locator("#tasks > li").last.locator(".wave")).to_have_js_property("naturalWidth", 1400)


def test_it_is_dark_where_that_is_wished(browser: Browser, site: Site) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(site.address)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 22, 21)"
    context.close()


def _refuse_uploads(page: Page, answer: Callable[[Route], None]) -> list[Route]:
    """Those that come from now on."""
    came: list[Route] = []

    def refuse(route: Route) -> None:
        if route.request.method == "POST":
            came.append(route)
            answer(route)
        else:
            route.continue_()

    page.route("**/api/tasks", refuse)
    return came


def _drop(page: Page, path: Path) -> None:
    """As from a file manager."""
    box = page.locator("#drop").bounding_box()
    assert box
    dragged = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    browser = page.context.new_cdp_session(page)
    for step in ("dragEnter", "dragOver", "drop"):
        where = {"x": box["x"] + 9, "y": box["y"] + 9}
        browser.send("Input.dispatchDragEvent", {"type": step, **where, "data": dragged})
