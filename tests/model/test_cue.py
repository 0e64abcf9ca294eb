"""Cue sheets are understood as burning programs write them, or refused with a sentence."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.model.cue import CueTrack, album_of, parse_cue

SHEET = """\ufeffREM GENRE Jazz
PERFORMER "The Band"
TITLE "The Album"
FILE "album.wav" WAVE
  TRACK 01 AUDIO
    TITLE "One, “two” / three"
    INDEX 01 00:00:00
  track 02 audio
    PERFORMER Somebody
    INDEX 00 03:58:70
    INDEX 01 04:00:37
  TRACK 03 AUDIO
    TITLE ""
    INDEX 01 100:59:74
"""


def test_tracks_begin_at_their_first_index() -> None:
    assert parse_cue(SHEET) == (
        CueTrack(Fraction(0), "One, “two” / three"),
        CueTrack(240 + Fraction(37, 75), None, "Somebody"),
        CueTrack(6059 + Fraction(74, 75)),
    )


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ('"The "Priest" They Called Him"', 'The "Priest" They Called Him'),
        ('"12"" Mix"', '12" Mix'),
        ("Without any marks", "Without any marks"),
        ('"One end is missing', "One end is missing"),
        ('"Spaces behind"  ', "Spaces behind"),
    ],
)
def test_a_title_is_the_rest_of_its_line(written: str, title: str) -> None:
    assert parse_cue(f"TRACK 01 AUDIO\n  TITLE {written}\n  INDEX 01 00:00:00")[0].title == title
    assert album_of(f"TITLE {written}\n") == {"album": title}


def test_codes_writers_and_discs_are_told() -> None:
    sheet = (
        "REM DISCNUMBER 2\nREM TOTALDISCS 3\nTRACK 01 AUDIO\nISRC GBAYE9700367\nSONGWRITER A. Body\nINDEX 01 00:00:00"
    )
    assert parse_cue(sheet) == (CueTrack(Fraction(0), songwriter="A. Body", isrc="GBAYE9700367"),)
    assert album_of(sheet) == {"disc": "2", "disctotal": "3"}


def test_tracks_of_data_are_no_sound() -> None:
    sheet = "TRACK 01 AUDIO\nINDEX 01 00:00:00\nTRACK 02 MODE1/2352\nTITLE Data\nINDEX 01 70:00:00"
    assert parse_cue(sheet) == (CueTrack(Fraction(0)),)


def test_what_stands_before_the_first_track_is_about_the_album() -> None:
    assert album_of(SHEET) == {"genre": "Jazz", "album_artist": "The Band", "album": "The Album"}
    assert album_of('REM\nREM DATE\nTITLE ""\nREM DATE 1999\n') == {"date": "1999"}
    assert album_of("") == {}


@pytest.mark.parametrize(
    ("sheet", "complaint"),
    [
        ("", "has 1 to 999 tracks"),
        ("a text", "has 1 to 999 tracks"),
        ("TRACK 01 AUDIO\nTITLE x", "Track 1 of this cue sheet has no"),
        ("TRACK 01 AUDIO\nINDEX 01 00:00:75", "Track 1 of this cue sheet has no"),
        ("TRACK 01 AUDIO\nINDEX 01 0:0", "Track 1 of this cue sheet has no"),
        ("TRACK 01 AUDIO\nINDEX 01 00:02:00\nTRACK 02 AUDIO\nINDEX 01 00:02:00", "don't begin one after the other"),
        (f"TRACK 01 AUDIO\nINDEX {'9' * 5000} 0:0:0", "Track 1 of this cue sheet has no"),
        ("FILE a WAVE\nTRACK 01 AUDIO\nINDEX 01 0:0:0\nFILE b WAVE\nTRACK 02 AUDIO\nINDEX 01 0:0:0", "several files"),
        ("TRACK 01 AUDIO\nINDEX 01 00:00:00\n" * 1000, "has 1 to 999 tracks"),
        ("x" * 100_001, "at most 100,000 characters"),
    ],
)
def test_what_divides_nothing_is_refused(sheet: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_cue(sheet)


@given(st.text(st.sampled_from('TRACKINDEXFILE 01:"\n²٣'), max_size=200))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        assert parse_cue(text)
    except ValueError as refused:
        assert str(refused).endswith(".")  # noqa: PT017
