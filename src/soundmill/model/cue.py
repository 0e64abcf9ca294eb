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
_TIME = re.compile(r"(\d{1,4}):([0-5]?\d):(\d{1,2})", re.ASCII)

_OF_ALBUM = {"TITLE": "album", "PERFORMER": "album_artist", "REM DATE": "date", "REM GENRE": "genre"}


@dataclass(frozen=True, slots=True)
class CueTrack:
    """One track; ``start`` in seconds, exact: a sheet counts in 75ths."""

    start: Fraction
    title: str | None = None
    performer: str | None = None


def parse_cue(text: str) -> tuple[CueTrack, ...]:
    """The tracks of a sheet about one file, in their order. Raises ``ValueError`` with a sentence."""
    if len(text) > LONGEST_SHEET:
        raise ValueError(f"A cue sheet has at most {LONGEST_SHEET:,} characters.")
    files, tracks = 0, list[dict[str, str]]()
    for line in text.removeprefix("\ufeff").splitlines():
        command, *words = [quoted or bare for quoted, bare in _WORD.findall(line)] or [""]
        command = command.upper()
        if command == "FILE":
            files += 1
        elif command == "TRACK":
            tracks.append({})
        elif tracks and command in ("TITLE", "PERFORMER") and words:
            tracks[-1][command] = words[0]
        elif tracks and command == "INDEX" and len(words) > 1:
            tracks[-1][f"INDEX {words[0].lstrip('0')}"] = words[1]
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
        value = words[1 + command.count(" ") :]
        if command in _OF_ALBUM and value and value[0].strip():
            said.setdefault(_OF_ALBUM[command], value[0].strip())
    return said


def _track(number: int, given: dict[str, str]) -> CueTrack:
    time = _TIME.fullmatch(given.get("INDEX 1", ""))
    if time is None or int(time[3]) >= _FRAMES_A_SECOND:
        raise ValueError(f"Track {number} of this cue sheet has no “INDEX 01 minutes:seconds:frames”.")
    start = int(time[1]) * 60 + int(time[2]) + Fraction(int(time[3]), _FRAMES_A_SECOND)
    return CueTrack(start, given.get("TITLE", "").strip() or None, given.get("PERFORMER", "").strip() or None)
