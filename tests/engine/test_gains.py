"""Replay gain is there by the name that players of the format look for."""

from __future__ import annotations

from pathlib import Path

import mutagen
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.engine.tags.about import About, missing
from soundmill.engine.tags.gains import gains_by_other_name
from soundmill.engine.tags.retag import edited_about
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.engine.conftest import Convert
from tests.sounds import encoded, music

GAIN, ALBUM = "replaygain_track_gain", "replaygain_album_gain"
UNITS, ALBUM_UNITS = "r128_track_gain", "r128_album_gain"


@given(st.integers(-9999, 9999))
def test_there_and_back_is_the_same(hundredths: int) -> None:
    text = f"{hundredths / 100:+.2f} dB"
    there = gains_by_other_name({GAIN: text}, is_ogg_opus=True)
    assert gains_by_other_name(there, is_ogg_opus=False) == {GAIN: text}


@pytest.mark.parametrize(
    ("decibels", "units"), [("-6.5 dB", "-2944"), ("+5 dB", "0"), ("5.00", "0"), ("6 db", "256"), (" 4.75 dB ", "-64")]
)
def test_what_players_of_opus_get(decibels: str, units: str) -> None:
    both = {GAIN: decibels, ALBUM: decibels}
    assert gains_by_other_name(both, is_ogg_opus=True) == {UNITS: units, ALBUM_UNITS: units}


@pytest.mark.parametrize("text", ["", "loud", "nan dB", "inf", "-200 dB", "1e9", "6 dB 7", "٣ dB x"])
def test_what_is_no_gain_has_no_other_name(text: str) -> None:
    assert gains_by_other_name({GAIN: text}, is_ogg_opus=True) == {}


@pytest.mark.parametrize("text", ["", "loud", "-6.5", "1e3", "40000", "-32769", "6 dB"])
def test_what_is_no_gain_of_opus_has_no_other_name(text: str) -> None:
    assert gains_by_other_name({UNITS: text}, is_ogg_opus=False) == {}


def test_what_is_there_is_not_made() -> None:
    both = {GAIN: "-6.5 dB", UNITS: "12"}
    assert gains_by_other_name(both, is_ogg_opus=True) == gains_by_other_name(both, is_ogg_opus=False) == {}


def test_opus_and_others_have_it_each_by_its_name(tmp_path: Path, convert: Convert) -> None:
    gain = "REPLAYGAIN_TRACK_GAIN=-6.53 dB"
    source = encoded(tmp_path, "a.flac", "-c:a", "flac", "-metadata", gain, samples=music(0.5))
    opus = convert(source, "opus")
    assert mutagen.File(opus.path)["R128_TRACK_GAIN"] == ["-2952"]
    bare = tmp_path / "bare.opus"
    bare.write_bytes(opus.path.read_bytes())
    song = mutagen.File(bare)
    del song["REPLAYGAIN_TRACK_GAIN"]
    song.save()
    assert mutagen.File(convert(bare, "flac").path)["REPLAYGAIN_TRACK_GAIN"] == ["-6.53 dB"]
    assert mutagen.File(convert(bare, "mp3").path)["TXXX:replaygain_track_gain"].text == ["-6.53 dB"]
    assert "R128_TRACK_GAIN" not in mutagen.File(convert(source, "opus", gain=-3).path)
    assert "R128_TRACK_GAIN" not in mutagen.File(convert(source, "opus", tags={"R128_TRACK_GAIN": ""}).path)


def test_a_name_that_was_made_is_not_missed() -> None:
    tags = {UNITS: "12"}
    wanted = edited_about(About(tags), FORMATS["wav"], ConversionOptions())
    assert wanted.tags == {UNITS: "12", GAIN: "+5.05 dB"}
    assert missing(wanted, About()) == (f"tag: {UNITS}",)
