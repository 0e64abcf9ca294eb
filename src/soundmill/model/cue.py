"""Cue sheets: where the tracks of one long file begin, and what they are called (CDRWIN user's guide, appendix A)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

LONGEST_SHEET = 100_000
"""In characters."""

_MOST_TRACKS = 999
_FRAMES_A_SECOND = 75
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_QUOTED = re.compile(r'"(.*)"')
_TIME = re.compile(r"(\d{1,4}):([0-5]?\d):(\d{1,2})", re.ASCII)

_OF_ALBUM = {
    "TITLE": "album",
    "PERFORMER": "album_artist",
    "REM DATE": "date",
    "REM GENRE": "genre",
    "REM DISCNUMBER": "disc",
    "REM TOTALDISCS": "disctotal",
}
_OF_TRACK = frozenset({"TITLE", "PERFORMER", "SONGWRITER", "ISRC"})


@dataclass(frozen=True, slots=True)
class CueTrack:
    """One track; ``start`` in seconds, exact: a sheet counts in 75ths."""

    start: Fraction
    title: str | None = None
    performer: str | None = None
    songwriter: str | None = None
    isrc: str | None = None


def parse_cue(text: str) -> tuple[CueTrack, ...]:
    """The tracks of a sheet about one file, in their order. Raises ``ValueError`` with a sentence."""
    if len(text) > LONGEST_SHEET:
        raise ValueError(f"A cue sheet has at most {LONGEST_SHEET:,} characters.")
    files, tracks, current = 0, list[dict[str, str]](), dict[str, str]()
    for line in text.removeprefix("\ufeff").splitlines():
        command, *words = [quoted or bare for quoted, bare in _WORD.findall(line)] or [""]
        command = command.upper()
        if command == "FILE":
            files += 1
        elif command == "TRACK":
            is_sound = len(words) < 2 or words[1].upper() == "AUDIO"
            current = {}
            tracks += [current] if is_sound else []
        elif command in _OF_TRACK:
            current[command] = _text(line, 1)
        elif command == "INDEX" and len(words) > 1:
            current[f"INDEX {words[0].lstrip('0')}"] = words[1]
    if files > 1:
        raise ValueError("This cue sheet is about several files: it can't divide one.")
    if not 1 <= len(tracks) <= _MOST_TRACKS:
        raise ValueError(f"A cue sheet has 1 to {_MOST_TRACKS} tracks, each with “INDEX 01 minutes:seconds:frames”.")
    found = tuple(_track(number, each) for number, each in enumerate(tracks, 1))
    if any(earlier.start >= later.start for earlier, later in pairwise(found)):
        raise ValueError("The tracks of this cue sheet don't begin one after the other.")
    return found


def album_of(text: str) -> dict[str, str]:
    """What a sheet says of all of its tracks, by the names of tags: that stands before the first of them."""
    said: dict[str, str] = {}
    for line in text.removeprefix("\ufeff").splitlines():
        words = [quoted or bare for quoted, bare in _WORD.findall(line)]
        command = " ".join(words[: 2 if words[:1] and words[0].upper() == "REM" else 1]).upper()
        if command == "TRACK":
            break
        if command in _OF_ALBUM and (value := _text(line, 1 + command.count(" "))):
            said.setdefault(_OF_ALBUM[command], value)
    return said


def _text(line: str, words: int) -> str:
    """What stands behind so many words. Programs don't agree on quotation marks inside of a text, or leave out those around it."""
    rest = line.strip("\0\x1a \t").split(maxsplit=words)[words:]
    text = rest[0].strip() if rest else ""
    quoted = _QUOTED.fullmatch(text)
    return (quoted[1] if quoted else text.removeprefix('"')).replace('""', '"').strip()


def _track(number: int, given: dict[str, str]) -> CueTrack:
    time = _TIME.fullmatch(given.get("INDEX 1", ""))
    if time is None or int(time[3]) >= _FRAMES_A_SECOND:
        raise ValueError(f"Track {number} of this cue sheet has no “INDEX 01 minutes:seconds:frames”.")
    start = int(time[1]) * 60 + int(time[2]) + Fraction(int(time[3]), _FRAMES_A_SECOND)
    title, performer, songwriter, isrc = (
        given.get(each) or None for each in ("TITLE", "PERFORMER", "SONGWRITER", "ISRC")
    )
    return CueTrack(start, title, performer, songwriter, isrc)
