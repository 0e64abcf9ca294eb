"""Tags, cover and chapters of a file, in FFmpeg's names: what is read, and what a comparison finds missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from av.container import InputContainer

from soundmill.engine.containers.sniff import MOV
from soundmill.engine.reading.source import Source
from soundmill.engine.tags.around import AroundTags, read_around
from soundmill.engine.tags.chapter_frames import with_overlooked
from soundmill.engine.tags.covers import attached_pictures
from soundmill.engine.tags.cue_block import at_first_indexes
from soundmill.engine.tags.id3v1 import read_id3v1
from soundmill.engine.tags.nameless import of_atoms, of_attributes, of_frames, within_limits
from soundmill.engine.tags.names import MISTAKEN, is_technical, tag_name
from soundmill.engine.tags.overlooked import ApeTags, read_ape, unread_frames
from soundmill.engine.tags.picture import Picture, read_pictures
from soundmill.engine.tags.values import BETWEEN, OVERLOOKED, read_atoms, read_attributes, read_frames, read_values
from soundmill.engine.tags.verbatim import Verbatim, lost_of
from soundmill.engine.tags.wave_texts import read_wave_texts
from soundmill.engine.text import readable

if TYPE_CHECKING:
    from av.container.core import Chapter  # in PyAV's stubs only

_MOST_TAGS = 500
_LONGEST_TAG = 100_000
_LONGEST_NAME, _SHOWN_NAME = 1000, 40
_MOST_NAMED, _MOST_LISTED = 20, 100
_UNSYNCED = "unsyncedlyrics"  # Mp3tag's and foobar2000's name, which many players don't look for
_NAMELESS = "(one without a name)"  # free text of ID3 may have none


@dataclass(frozen=True, slots=True)
class About:
    """What a file says about its sound. ``tags`` have lower-case names."""

    tags: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    """The cover first."""
    chapters: tuple[Chapter, ...] = ()
    unread: tuple[str, ...] = ()
    """What is there, but too broken, too large or too many to be carried anywhere; named for people."""
    several: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The values of those tags that have more than one."""
    made: frozenset[str] = frozenset()
    """Names of tags that say by another name what one of the source's says."""
    verbatim: tuple[Verbatim, ...] = ()
    """What only files with the same kind of tags can hold."""
    unread_pictures: int = 0
    """How many there are besides the cover that are carried nowhere, either."""

    @property
    def cover(self) -> Picture | None:
        """The picture that players show."""
        return self.pictures[0] if self.pictures else None

    def values(self, name: str) -> tuple[str, ...]:
        """Each value of a tag that is there; one text where somebody gave it another since it was read."""
        text, values = self.tags[name], self.several.get(name, ())
        return values if BETWEEN.join(values) == text else (text,)


def read_about(path: Path, source: Source) -> About:
    """Read all of it; a broken cover is no cover, and is named as unread."""
    with source.part() as part:
        return _read_about(path, source, part)


def _read_about(path: Path, source: Source, part: BinaryIO) -> About:
    container = source.container
    old, ape, around = (
        read_id3v1(path, source.kind),
        read_ape(path, source.kind),
        read_around(path, source.kind),
    )
    frames = read_frames(part, source.kind)
    tags, unread = _tags(container, source, old, ape, around, has_frames=frames is not None)
    atoms = read_atoms(part, source.kind)
    attributes = read_attributes(part, source.kind)
    verbatim, left_out = within_limits(
        [*of_frames(frames), *of_frames(around.frames), *of_atoms(atoms), *of_attributes(attributes)]
    )
    unread += left_out + unread_frames(frames) + unread_frames(around.frames) + ape.unread
    # Of MP4's, AIFF's and ID3's FFmpeg may have overlooked the only one.
    may_have_some = tags or source.kind in (MOV, "aiff") or frames
    values = (
        read_values(part, source.kind, source.stream.codec_context.name, frames, atoms, attributes)
        if may_have_some
        else {}
    )
    if source.kind == MOV or frames is not None:
        for name in [wrong for right, wrong in MISTAKEN.items() if right in values and wrong not in values]:
            tags.pop(name, None)
    overlooked = OVERLOOKED.get(source.kind, ())
    tags |= {name: BETWEEN.join(texts) for name, texts in values.items() if name in tags or name in overlooked}
    for beside in (around.values, ape.values):
        values |= {name: texts for name, texts in beside.items() if tags.get(name) == BETWEEN.join(texts)}
    in_chunks = read_wave_texts(part, source.kind)
    unread += in_chunks.unread
    comment = BETWEEN.join(values.get("comment", (in_chunks.comment,)))
    if comment and in_chunks.description not in ("", comment):
        tags |= {"comment": comment, "description": in_chunks.description}
    unread += in_chunks.unsaid(tags)
    attached = [*attached_pictures(part, source), *around.pictures, *ape.pictures]
    pictures, is_cover_bad, bad_others = read_pictures(attached)
    if is_cover_bad:
        unread += ("cover",)
    several = {name: texts for name, texts in values.items() if name in tags and len(texts) > 1}
    # Comments may tell them in any order; FFmpeg's reader of Matroska drops those that begin before one that it has read.
    told = with_overlooked([*_chapters(container)], frames)
    chapters: Sequence[Chapter] = sorted(told, key=lambda each: each["start"] * each["time_base"])
    if source.kind == "flac":
        chapters = at_first_indexes(chapters, part)
    return About(tags, pictures, tuple(chapters), unread, several, verbatim=verbatim, unread_pictures=bad_others)


def missing(wanted: About, found: About) -> tuple[str, ...]:
    """What ``found`` lacks of ``wanted``, named for people."""
    lost = [
        f"tag: {name or _NAMELESS}"
        for name in wanted.tags
        if name not in wanted.made and not _is_kept(name, wanted, found)
    ]
    if wanted.cover is not None and (found.cover is None or found.cover.data != wanted.cover.data):
        lost.append("cover")
    there = {each.data for each in found.pictures}
    others = sum(each.data not in there for each in wanted.pictures[1:]) + wanted.unread_pictures
    if others:
        lost.append(f"pictures besides the cover ({others})")
    if _beginnings(wanted) != _beginnings(found):
        lost.append("chapters")
    return (*lost, *_first_ones(lost_of(wanted.verbatim, found.verbatim, wanted.tags)), *_first_ones(wanted.unread))


def _first_ones(names: Iterable[str]) -> tuple[str, ...]:
    """Each once, and not thousands."""
    once = tuple(dict.fromkeys(names))
    more = len(once) - _MOST_LISTED
    return (*once[:_MOST_LISTED], f"tags: {more} more") if more > 0 else once


def chapter_title(chapter: Chapter, number: int) -> str:
    """What a chapter is called where each must have a name; ``number`` counts from 1."""
    return chapter["metadata"].get("title", "").strip() or f"Chapter {number}"


def _chapters(container: InputContainer) -> Iterator[Chapter]:
    for each in container.chapters():
        yield {**each, "metadata": {name: readable(text) for name, text in each["metadata"].items()}}


def _tags(
    container: InputContainer,
    source: Source,
    old: Mapping[str, str],
    ape: ApeTags,
    around: AroundTags,
    *,
    has_frames: bool,
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Tags by their names, and what had to be left out. A track of a film may be called "Stereo": the film's name is above it."""
    tags: dict[str, str] = {}
    left_out: list[str] = []
    behind, beside = (
        [(name, BETWEEN.join(texts)) for name, texts in each.items()] for each in (ape.values, around.values)
    )
    of_sound = list(source.stream.metadata.items())
    if source.kind != "ogg":  # Matroska and MP4 say "und" of each of their sounds
        of_sound = [each for each in of_sound if each[0].lower() != "language"]
    said = [*of_sound, *container.metadata.items()]
    above = [*said, *behind] if ape.is_above else [*behind, *said]
    for name, text in [*old.items(), *beside, *above]:
        key, value = tag_name(readable(name)), readable(text)
        if is_technical(key) or not value.strip():
            continue
        if len(key) > _LONGEST_NAME:
            left_out.append(f"tag: {key[:_SHOWN_NAME]}…")
        elif key == "lyrics" and name != key and tags.get(key, value) != value:
            if not has_frames:  # which have it
                left_out.append(f"tag: {name}")  # in another language
        elif (key in tags or len(tags) < _MOST_TAGS) and len(value) <= _LONGEST_TAG:
            tags[key] = value
        else:
            left_out.append(f"tag: {key}")
    if "lyrics" not in tags and _UNSYNCED in tags:
        tags["lyrics"] = tags.pop(_UNSYNCED)
    if not tags.get("comment", "").startswith(old.get("comment", "")):
        left_out.append("tag: comment (ID3v1)")
    if len(left_out) > _MOST_NAMED:
        left_out = [f"{len(left_out)} tags, too many or too long"]
    return tags, tuple(left_out)


def _beginnings(about: About) -> list[tuple[int, str]]:
    """When each chapter begins, in milliseconds, and its title."""
    return [
        (round(each["start"] * each["time_base"] * 1000), chapter_title(each, number))
        for number, each in enumerate(about.chapters, 1)
    ]


def _is_kept(name: str, wanted: About, found: About) -> bool:
    # Matroska's muxer has no spaces in names.
    value, kept = wanted.tags[name].strip(), found.tags.get(name, found.tags.get(name.replace(" ", "_")))
    if kept is None and name == "description" and "comment" not in wanted.tags:
        kept = found.tags.get("comment")  # as FFmpeg reads one of Vorbis comments, RIFF and Windows Media
    if any(each.name == name and (each.text or "").strip() == value for each in found.verbatim):
        return True
    if kept is None:
        part = name.removesuffix("total")
        return part != name and _numbers(found.tags.get(part, ""))[1:] == _numbers(value)
    kept = kept.strip()
    if name in ("track", "disc"):
        # A format may hold only the number of "3/12"; or say how many there are where it says the number; and no zeros before it.
        total = wanted.tags.get(f"{name}total", "")
        there, asked = _numbers(kept), _numbers(value if "/" in value or not total else f"{value}/{total}")
        return kept == value or there == asked[: len(there)]
    # Or only the year of a date.
    is_year = name == "date" and value.startswith(kept) and not value[len(kept) :].startswith(BETWEEN)
    return kept == value or is_year


def _numbers(text: str) -> list[str]:
    return [each.strip().lstrip("0") for each in text.split("/")]
