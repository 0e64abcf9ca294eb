"""The chapters of a FLAC file with a CUESHEET block (RFC 9639, section 8.7): FFmpeg takes the pause before a track for a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from mutagen.flac import FLAC

from soundmill.engine.containers.part import rewound
from soundmill.engine.tags.values import UNREADABLE

if TYPE_CHECKING:
    from av.container.core import Chapter  # in PyAV's stubs only

_FIRST = 1
"""The index at which a track's sound begins; index 0 is the pause before it."""


def at_first_indexes(chapters: Sequence[Chapter], part: BinaryIO) -> Sequence[Chapter]:
    """``chapters`` of the file in ``part``, each where its track's sound begins; the pause before it is the end of the one before.

    As they are where that would have one end before it begins.
    """
    moved = [each.copy() for each in chapters]
    begins = _begins(part) if chapters else {}
    for each in moved:
        # Chapters of comments may stand at the same numbers: these count milliseconds.
        rate = each["time_base"].denominator
        each["start"] = begins.get((rate, each["start"]), each["start"])
        each["end"] = begins.get((rate, each["end"]), each["end"])
    return moved if all(each["start"] <= each["end"] for each in moved) else chapters


def _begins(part: BinaryIO) -> dict[tuple[int, int], int]:
    """By the sample rate and the sample at which a track begins: the one at which its sound does."""
    try:
        song = FLAC(rewound(part))
        tracks = song.cuesheet.tracks[:-1] if song.cuesheet else ()  # the last one is where all ends
        rate = song.info.sample_rate
    except UNREADABLE:
        return {}
    return {
        (rate, track.start_offset): track.start_offset + index.index_offset
        for track in tracks
        for index in track.indexes
        if index.index_number == _FIRST
    }
