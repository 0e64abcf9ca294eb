"""File names of strangers become harmless and stay recognisable."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.model.names import LONGEST_NAME_BYTES, clean_file_name, numbered, split_extension, with_extension


@pytest.mark.parametrize(
    ("given_name", "cleaned"),
    [
        ("song.mp3", "song.mp3"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a/b/c.flac", "c.flac"),
        ("..", "audio"),
        (".", "audio"),
        ("", "audio"),
        ("/", "audio"),
        ("evil\u202e3pm.exe", "evil3pm.exe"),
        ("line\nbreak\r\n.wav", "line break.wav"),
        ("nul\x00byte.ogg", "nulbyte.ogg"),
        ("🎵 ölé 👩‍🚀.opus", "🎵 ölé 👩‍🚀.opus"),
        ("o\u0308.wav", "ö.wav"),
        (".mp3", "mp3"),
        ("  spaced  .mp3", "spaced.mp3"),
    ],
)
def test_known_nuisances(given_name: str, cleaned: str) -> None:
    assert clean_file_name(given_name) == cleaned


def test_a_long_name_keeps_its_extension() -> None:
    cleaned = clean_file_name("ö" * 300 + ".flac")
    assert cleaned.endswith(".flac")
    assert len(cleaned.encode()) <= LONGEST_NAME_BYTES


@given(st.text())
def test_whatever_comes_the_name_is_safe(given_name: str) -> None:
    cleaned = clean_file_name(given_name)
    assert cleaned not in ("", ".", "..")
    assert not set(cleaned) & set("/\\\0\r\n\t")
    assert len(cleaned.encode()) <= LONGEST_NAME_BYTES
    assert all(each == "\u200d" or not unicodedata.category(each).startswith("C") for each in cleaned)


@given(st.text())
def test_cleaning_twice_is_cleaning_once(given_name: str) -> None:
    once = clean_file_name(given_name)
    assert clean_file_name(once) == once


@given(st.text(alphabet="ab. (1)é"))
def test_a_name_is_its_stem_and_its_extension(name: str) -> None:
    assert "".join(split_extension(name)) == name


def test_numbers_and_extensions() -> None:
    assert numbered("song.mp3", 2) == "song (2).mp3"
    assert numbered("song", 3) == "song (3)"
    assert with_extension("live.at.home.mp3", "ogg") == "live.at.home.ogg"
    assert with_extension("song", "ogg") == "song.ogg"
