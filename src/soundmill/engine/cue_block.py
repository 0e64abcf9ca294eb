"""The chapters of a FLAC file with a CUESHEET block (RFC 9639, section 8.7): FFmpeg takes the pause before a track for a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from mutagen.flac import FLAC

from soundmill.engine.values import UNREADABLE

if TYPE_CHECKING:
    from av.container.core import Chapter  # in PyAV's stubs only

_FIRST = 1
"""The index at which a track's sound begins; index 0 is the pause before it."""


def at_first_indexes(chapters: Sequence[Chapter], path: Path) -> Sequence[Chapter]:
    """``chapters`` of the file at ``path``, each where its track's sound begins; the pause before it is the end of the one before."""
    moved = [each.copy() for each in chapters]
    begins = _begins(path) if chapters else {}
    for each in moved:
        # Those of comments count milliseconds.
        each["start"] = begins.get((each["time_base"].denominator, each["start"]), each["start"])
    for this, following in pairwise(moved):
        if this["time_base"] == following["time_base"]:
            this["end"] = following["start"]
    return moved


def _begins(path: Path) -> dict[tuple[int, int], int]:
    """By the sample rate and the sample at which a track begins: the one at which its sound does."""
    try:
        song = FLAC(path)
        tracks = song.cuesheet.tracks if song.cuesheet else ()
        rate = song.info.sample_rate
    except UNREADABLE:
        return {}
    return {
        (rate, track.start_offset): track.start_offset + index.index_offset
        for track in tracks
        for index in track.indexes
        if index.index_number == _FIRST
    }
