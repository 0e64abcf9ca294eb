"""The chapters of ID3: FFmpeg (5.1 to 9.0) overlooks those of ID3v2.4 whose names or pictures are longer than 125 bytes, for it misreads their length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from av.rational import AVRational
from mutagen.id3 import ID3

from soundmill.engine.tags.values import UNREADABLE

if TYPE_CHECKING:
    from av.container.core import Chapter  # in PyAV's stubs only


def with_overlooked(chapters: Sequence[Chapter], frames: ID3 | None) -> Sequence[Chapter]:
    """All that ``frames`` tell, of which FFmpeg found ``chapters``."""
    if frames is None:
        return chapters
    try:
        # FFmpeg takes no chapter that ends before it begins.
        told = [each for each in frames.getall("CHAP") if each.start_time <= each.end_time]
        names = [each.sub_frames.getall("TIT2") for each in told]
    except UNREADABLE:
        return chapters
    if len(told) <= len(chapters):
        return chapters
    return [
        {
            "id": number,
            "start": each.start_time,
            "end": each.end_time,
            "time_base": AVRational(1, 1000),
            "metadata": {"title": str(name[0])} if name else {},
        }
        for number, (each, name) in enumerate(zip(told, names, strict=True))
    ]
