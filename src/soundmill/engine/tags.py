"""Tags, cover and chapters of a file, in FFmpeg's names: what is read, and what a comparison finds missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from av.container import InputContainer
from av.stream import AttachmentStream, Stream

from soundmill.engine.covers import read_asf_cover
from soundmill.engine.frames import read_lists
from soundmill.engine.picture import Picture, read_picture
from soundmill.engine.text import readable

if TYPE_CHECKING:
    from av.container.core import Chapter  # in PyAV's stubs only

# Written by muxers about themselves or the file, not by people about the music.
_TECHNICAL_NAMES = """
encoder encoded_by encoding_tool encodersettings major_brand minor_version compatible_brands creation_time
duration handler_name vendor_id language bps number_of_frames number_of_bytes source_id tlen tsse itunsmpb
itunpgap wm/encodingtime isvbr devicecconformancetemplate wmfsdkversion wmfsdkneeded deviceconformancetemplate
metadata_block_picture software waveformatextensible_channel_mask
"""
_TECHNICAL = frozenset(_TECHNICAL_NAMES.split())
_TECHNICAL_PREFIXES = ("_statistics", "id3v2_priv.", "chapter0", "chapter1")
_MOST_TAGS = 500
_LONGEST_TAG = 100_000
_MOST_NAMED = 20
# Other names of the same thing in this or that format.
_SAME = {
    "year": "date",
    "tracknumber": "track",
    "discnumber": "disc",
    "albumartist": "album_artist",
    "wm/year": "date",
    "wm/lyrics": "lyrics",
}


@dataclass(frozen=True, slots=True)
class About:
    """What a file says about its sound. ``tags`` have lower-case names."""

    tags: Mapping[str, str] = field(default_factory=dict)
    cover: Picture | None = None
    chapters: tuple[Chapter, ...] = ()
    unread: tuple[str, ...] = ()
    """What is there, but too broken or too large to be carried anywhere; named for people."""


def read_about(path: Path, container: InputContainer, sound: Stream) -> About:
    """Read all of it; a broken cover is no cover, and is named as unread."""
    tags, unread_tags = _tags(container, sound)
    tags |= {name: value for name, value in read_lists(path).items() if name in tags}
    data = _cover_data(path, container)
    cover = read_picture(data)
    unread_cover = ("cover",) if data is not None and cover is None else ()
    return About(tags, cover, tuple(_chapters(container)), unread_tags + unread_cover)


def tag_name(name: str) -> str:
    """The name by which a tag is known here, whatever its format calls it."""
    key = name.lower()
    return "lyrics" if key.startswith("lyrics-") else _SAME.get(key, key)


def missing(wanted: About, found: About) -> tuple[str, ...]:
    """What ``found`` lacks of ``wanted``, named for people."""
    lost = [f"tag: {name}" for name, value in wanted.tags.items() if not _is_kept(name, value, found.tags)]
    if wanted.cover is not None and (found.cover is None or found.cover.data != wanted.cover.data):
        lost.append("cover")
    if _beginnings(wanted) != _beginnings(found):
        lost.append("chapters")
    return (*lost, *wanted.unread)


def chapter_title(chapter: Chapter, number: int) -> str:
    """What a chapter is called where each must have a name; ``number`` counts from 1."""
    return chapter["metadata"].get("title", "").strip() or f"Chapter {number}"


def _chapters(container: InputContainer) -> Iterator[Chapter]:
    for each in container.chapters():
        yield {**each, "metadata": {name: readable(text) for name, text in each["metadata"].items()}}


def _tags(container: InputContainer, sound: Stream) -> tuple[dict[str, str], tuple[str, ...]]:
    """Tags by their names, and what had to be left out."""
    tags: dict[str, str] = {}
    left_out: list[str] = []
    for name, text in {**container.metadata, **sound.metadata}.items():
        key, value = tag_name(readable(name)), readable(text)
        if key in _TECHNICAL or key.startswith(_TECHNICAL_PREFIXES) or not value.strip():
            continue
        if len(tags) < _MOST_TAGS and len(value) <= _LONGEST_TAG:
            tags[key] = value
        else:
            left_out.append(f"tag: {key}")
    if len(left_out) > _MOST_NAMED:
        left_out = [f"{len(left_out)} tags, too many or too long"]
    return tags, tuple(left_out)


def _cover_data(path: Path, container: InputContainer) -> bytes | None:
    """The cover's bytes, whatever they are worth; empty where there is one that has none."""
    for stream in container.streams:
        if isinstance(stream, AttachmentStream) and (stream.mimetype or "").startswith("image/"):
            return stream.data
    # A cover's packet comes before any sound; FFmpeg hands it out again after a seek to the start.
    pictures = [each for each in container.streams.video if each.disposition & each.disposition.attached_pic]
    for packet in container.demux(pictures[:1]) if pictures else ():
        return bytes(packet)
    if container.format.name == "asf":
        return read_asf_cover(path)
    return None


def _beginnings(about: About) -> list[tuple[int, str]]:
    """When each chapter begins, in milliseconds, and its title."""
    return [
        (round(each["start"] * each["time_base"] * 1000), chapter_title(each, number))
        for number, each in enumerate(about.chapters, 1)
    ]


def _is_kept(name: str, value: str, found: Mapping[str, str]) -> bool:
    kept = found.get(name)
    if kept is None:
        return False
    # A format may hold only the year of a date, or the number of "3/12".
    return kept.strip() == value.strip() or (name in ("date", "track", "disc") and value.startswith(kept.strip()))
