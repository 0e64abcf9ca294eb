"""What stands in tags, and FFmpeg says nothing of: APEv2 behind the sound of MP3 and others, and what chapters of ID3v2 have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mutagen.apev2 import BINARY, EXTERNAL, TEXT, APEv2
from mutagen.id3 import ID3

from soundmill.engine.containers.part import ID3_KINDS, TAGGED_BEHIND
from soundmill.engine.tags.covers import ape_picture
from soundmill.engine.tags.names import tag_name
from soundmill.engine.tags.picture import Attached
from soundmill.engine.tags.values import UNREADABLE

# About the bytes of these very frames: to undo it in others would spoil them.
_OF_THESE_FRAMES = "mp3gain_"

# What podcasts have there.
_OF_CHAPTERS = {"APIC": "pictures of chapters", "WXXX": "links of chapters"}


@dataclass(frozen=True, slots=True)
class ApeTags:
    """``values`` are by our names."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pictures: tuple[Attached, ...] = ()
    is_above: bool = False
    """True where only ID3v1 is there besides, whose texts have 30 letters."""
    unread: tuple[str, ...] = ()
    """What is neither text nor a picture, named for people."""


def read_ape(path: Path, kind: str) -> ApeTags:
    """The APEv2 tag of a file of this ``kind``; an empty one where none can be read."""
    if kind not in TAGGED_BEHIND:  # of the others that have it FFmpeg reads it
        return ApeTags()
    try:
        items = dict(APEv2(path).items())
        with path.open("rb") as file:
            is_above = kind in ID3_KINDS and file.read(3) != b"ID3"
    except UNREADABLE:
        return ApeTags()
    values = {
        tag_name(name): tuple(map(str, item)) if item.kind == TEXT else (str(item),)
        for name, item in items.items()
        if item.kind in (TEXT, EXTERNAL) and not name.lower().startswith(_OF_THESE_FRAMES)
    }
    binary = {name: ape_picture(name, bytes(item.value)) for name, item in items.items() if item.kind == BINARY}
    unread = tuple(f"tag: {name}" for name, picture in binary.items() if picture is None)
    return ApeTags(values, tuple(each for each in binary.values() if each is not None), is_above, unread)


def unread_frames(frames: ID3 | None) -> tuple[str, ...]:
    """Those of its chapters that are carried nowhere, named for people, each once."""
    chapters = frames.getall("CHAP") if frames else ()
    names = dict.fromkeys(frame.FrameID for each in chapters for frame in getattr(each, "sub_frames", {}).values())
    return tuple(_OF_CHAPTERS.get(name, f"tag: {name} of chapters") for name in names if name != "TIT2")
