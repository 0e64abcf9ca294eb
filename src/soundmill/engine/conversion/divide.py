"""Where one source is divided into pieces, and what each piece says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from av.rational import AVRational

from soundmill.engine.plan import Plan
from soundmill.engine.shaping.edit import Edits
from soundmill.engine.tags.about import About
from soundmill.engine.tags.names import tag_name
from soundmill.engine.tags.retag import asked_tags, moved_chapters
from soundmill.engine.tags.verbatim import told_of
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.cue import CueTrack, album_of, parse_cue
from soundmill.model.edits import LONGEST_SECONDS
from soundmill.model.names import clean_file_name
from soundmill.model.options import ConversionOptions

if TYPE_CHECKING:
    from av.container.core import Chapter  # in PyAV's stubs only

MOST_PARTS = 999
"""In one ZIP."""

_CUE_UNITS = 75
_OF_WHOLE = frozenset({"title", "track", "tracktotal", "cuesheet"})
_OF_TRACK = ("title", "artist", "composer", "isrc")
# What no file system of today's takes in a name, and what would begin a directory.
_SPECIAL = str.maketrans(dict.fromkeys('/\\:*?"<>|', "-"))


@dataclass(frozen=True, slots=True)
class Part:
    """A piece: from its first sample up to that of the next, at the plan's rate; ``name`` is that of its file."""

    begin: int
    end: int | None
    about: About
    name: str

    def samples(self, most: int) -> int:
        """How many it has of a sound of ``most`` samples a channel."""
        return max(0, (most if self.end is None else min(most, self.end)) - self.begin)


def places(options: ConversionOptions, about: About, find_pauses: Callable[[], list[Chapter]]) -> tuple[Chapter, ...]:
    """The chapters that become pieces, at times of the source. Raises ``ConversionError`` with ``UNSUITABLE_OPTIONS``."""
    if options.split == "cue":
        found = tuple(_from_cue(options, about))
    elif options.split == "silence":
        found = tuple(find_pauses())
    else:
        found = about.chapters
        if not found:
            raise _unsuitable("This file has no chapters by which it could be divided.")
    if len(found) > MOST_PARTS:
        raise _unsuitable(f"This file would be divided into more than {MOST_PARTS} pieces.")
    return found


def parts(
    chapters: tuple[Chapter, ...],
    options: ConversionOptions,
    about: About,
    edits: Edits | None,
    plan: Plan,
    extension: str,
) -> tuple[Part, ...]:
    """The pieces of the edited sound. Nothing is left out: what is before the first chapter belongs to its piece."""
    whole_pieces = _end_to_end(chapters)
    moved = whole_pieces if edits is None else moved_chapters(whole_pieces, edits)
    by_begin = {round(each["start"] * each["time_base"] * plan.sample_rate): each for each in reversed(moved)}
    begins = sorted(by_begin)
    asked = asked_tags(options)
    told = _unsaid(options, about, asked)
    of_all = tuple(each for each in about.verbatim if not each.is_timed)
    times = told_of((each for each in about.verbatim if each.is_timed), "the sound is divided", about.tags)
    made = []
    for index, begin in enumerate(begins):
        number, count = index + 1, len(begins)
        title, tags = "", dict[str, str]()
        if not options.strip_tags:
            title = by_begin[begin]["metadata"].get("title", "").strip()
            tags = _tags_of(by_begin[begin], number, count, asked)
        numeral = f"{number:0{max(2, len(str(count)))}}"
        name = clean_file_name(f"{numeral} {title.translate(_SPECIAL)}.{extension}")
        end = begins[number] if number < count else None
        whole = _album(by_begin[begin], options, asked)
        if "title" in about.tags and "album" not in asked:
            whole["album"] = about.tags["title"]
        kept = {key: text for key, text in about.tags.items() if key not in _OF_WHOLE}
        of_part = replace(
            about, tags=whole | kept | tags, chapters=(), unread=about.unread + told + times, verbatim=of_all
        )
        made.append(Part(begin if index else 0, end, of_part, name))
    if not made:
        raise _unsuitable("With this cut no piece is left.")
    return tuple(made)


def _end_to_end(chapters: tuple[Chapter, ...]) -> tuple[Chapter, ...]:
    """Each up to where the next one begins: nothing is left out. Of those that begin together, the first."""
    by_begin = {each["start"] * each["time_base"]: each for each in reversed(chapters)}
    begins = sorted(by_begin)
    ends = [*begins[1:], Fraction(LONGEST_SECONDS)]
    return tuple(
        {**by_begin[begin], "start": by_begin[begin]["start"] if number else 0, "end": _in_units(by_begin[begin], end)}
        for number, (begin, end) in enumerate(zip(begins, ends, strict=True))
    )


def _in_units(chapter: Chapter, seconds: Fraction) -> int:
    unit = chapter["time_base"]
    return round(seconds * unit.denominator / unit.numerator)


def unwritten(planned: tuple[Part, ...], written: int, *, is_damaged: bool) -> tuple[str, ...]:
    """Pieces before which a sound ends that ``is_damaged``, named for people.

    Raises ``ConversionError`` with ``UNSUITABLE_OPTIONS`` where a whole one does.
    """
    if written < len(planned) and not is_damaged:
        raise _unsuitable(f"The sound ends before piece {written + 1} of {len(planned)} begins.")
    return tuple(f"{each.name} (the sound ends before it begins)" for each in planned[written:])


def _unsaid(options: ConversionOptions, about: About, asked: frozenset[str]) -> tuple[str, ...]:
    """Tags that the client sets and that no piece has: each has its own."""
    given = dict.fromkeys(tag_name(name) for name, text in (options.tags or {}).items() if text.strip())
    has_album = "album" in about.tags or "album" in asked
    without = [name for name in given if name in _OF_WHOLE and (name != "title" or has_album)]
    return tuple(f"tag: {name} (each piece has its own)" for name in without)


def _tags_of(chapter: Chapter, number: int, count: int, asked: frozenset[str]) -> dict[str, str]:
    """What only this piece says. ``asked`` are tags that the client sets or removes for all of them."""
    given = chapter["metadata"]
    own = [key for key in _OF_TRACK if key not in asked - _OF_WHOLE]
    named = {key: given[key].strip() for key in own if given.get(key, "").strip()}
    return {"title": f"Part {number}", **named, "track": f"{number}/{count}"}


def _album(track: Chapter, options: ConversionOptions, asked: frozenset[str]) -> dict[str, str]:
    """What the sheet says of the whole; of those that the client sets or removes, nothing."""
    if options.split != "cue" or options.strip_tags:
        return {}
    said = {name: text for name, text in track["metadata"].items() if name not in _OF_TRACK}
    if "album_artist" in said:
        said["artist"] = said["album_artist"]
    return {name: text for name, text in said.items() if name not in asked}


def _from_cue(options: ConversionOptions, about: About) -> list[Chapter]:
    sheet = options.cue_sheet if options.cue_sheet is not None else about.tags.get("cuesheet")
    if sheet is None:
        raise _unsuitable("This file has no cue sheet in it, and none was given beside it.")
    try:
        tracks = parse_cue(sheet)
    except ValueError as error:
        raise _unsuitable(str(error)) from error
    album = album_of(sheet)
    ends = [*(each.start for each in tracks[1:]), Fraction(LONGEST_SECONDS)]
    return [
        {
            "id": number,
            "start": int(each.start * _CUE_UNITS),
            "end": int(end * _CUE_UNITS),
            "time_base": AVRational(1, _CUE_UNITS),
            "metadata": album | _metadata(each),
        }
        for number, (each, end) in enumerate(zip(tracks, ends, strict=True))
    ]


def _metadata(track: CueTrack) -> dict[str, str]:
    said = (track.title, track.performer, track.songwriter, track.isrc)
    return {key: text for key, text in zip(_OF_TRACK, said, strict=True) if text}


def _unsuitable(sentence: str) -> ConversionError:
    return ConversionError(FailureCode.UNSUITABLE_OPTIONS, sentence)
