"""ID3v2 before a file of a kind that has none: it completes what the file itself says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mutagen.id3 import APIC, ID3

from soundmill.engine.containers.part import ID3_KINDS
from soundmill.engine.tags.names import DATES
from soundmill.engine.tags.picture import Attached
from soundmill.engine.tags.values import UNREADABLE, Values, values_of_frames


@dataclass(frozen=True, slots=True)
class AroundTags:
    """``values`` by our names, and ``pictures``; ``frames`` are all of them."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pictures: tuple[Attached, ...] = ()
    frames: ID3 | None = None


def read_around(path: Path, kind: str) -> AroundTags:
    """Those of a file of this ``kind``; an empty one where none can be read."""
    if kind in ID3_KINDS:
        return AroundTags()
    with path.open("rb") as file:
        if file.read(3) != b"ID3":
            return AroundTags()
    try:
        found = ID3(path, load_v1=False)
        values = {
            name: texts
            for name, each in _values(found)
            if (texts := tuple(dict.fromkeys(text for one in each if (text := str(one)).strip())))
        }
    except UNREADABLE:
        return AroundTags()
    return AroundTags(values, tuple(_picture(each) for each in found.getall("APIC")), found)


def _picture(frame: APIC) -> Attached:
    return Attached(bytes(frame.data), int(frame.type), frame.desc)


def _values(frames: ID3) -> Values:
    yield from values_of_frames(frames)
    for name, frame_id in DATES.items():
        yield from ((name, each.text) for each in frames.getall(frame_id))
    yield from (("lyrics", [each.text]) for each in frames.getall("USLT")[:1])
