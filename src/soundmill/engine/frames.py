"""What FFmpeg's muxers miss of ID3: several values of one tag, and frames that it writes as free text."""

from __future__ import annotations

from pathlib import Path

from mutagen.aiff import AIFF
from mutagen.id3 import APIC, COMM, ID3, TXXX, USLT, Encoding, Frame, Frames

from soundmill.engine.covers import FRONT_COVER
from soundmill.engine.names import FRAMES, FRAMES_THAT_FFMPEG_LACKS, free_name
from soundmill.engine.tags import About

_UNKNOWN_LANGUAGE = "XXX"  # ID3v2.4, section 4
_TOTALS = (("track", "tracktotal", "TRCK"), ("disc", "disctotal", "TPOS"))
_REWRITTEN = FRAMES_THAT_FFMPEG_LACKS | {"comment", "lyrics", "tracktotal", "disctotal"}


def write_frames(path: Path, about: About) -> None:
    """Put into the finished file's ID3 what is said where players look for it."""
    if _is_well_written(about):
        return
    frames = ID3(path)
    _add_texts(frames, about)
    frames.save(path)


def write_aiff_frames(path: Path, about: About) -> None:
    """The same in the finished AIFF file's ID3 chunk, with the cover: FFmpeg 9's muxer refuses pictures that it once took."""
    cover = about.cover
    if cover is None and _is_well_written(about):
        return
    song = AIFF(path)
    if song.tags is None:
        song.add_tags()
    _add_texts(song.tags, about)
    if cover is not None:
        song.tags.add(APIC(encoding=Encoding.UTF8, mime=cover.mime_type, type=FRONT_COVER, desc="", data=cover.data))
    song.save()


def _is_well_written(about: About) -> bool:
    return not about.several and all(name not in _REWRITTEN and free_name(name) == name for name in about.tags)


def _add_texts(frames: ID3, about: About) -> None:
    for name in about.tags:
        frame = _frame(name, list(about.values(name)))
        is_free = frames.pop(f"TXXX:{name}", None) is not None
        if frame is None and is_free:
            frame = TXXX(encoding=Encoding.UTF8, desc=free_name(name), text=list(about.values(name)))
        if frame is not None:
            frames.add(frame)
    for alias in ("USLT", "TCMP"):  # as FFmpeg calls lyrics and compilations among free texts
        frames.delall(f"TXXX:{alias}")
    for part, total, frame_id in _TOTALS:
        number = about.tags.get(part, "")
        if total in about.tags and number and "/" not in number:
            frames.delall(f"TXXX:{total}")
            frames.add(Frames[frame_id](encoding=Encoding.UTF8, text=[f"{number}/{about.tags[total]}"]))


def _frame(name: str, values: list[str]) -> Frame | None:
    if name == "comment":
        return COMM(encoding=Encoding.UTF8, lang=_UNKNOWN_LANGUAGE, desc="", text=values)
    if name == "lyrics":
        return USLT(encoding=Encoding.UTF8, lang=_UNKNOWN_LANGUAGE, desc="", text="\n".join(values))
    return Frames[FRAMES[name]](encoding=Encoding.UTF8, text=values) if name in FRAMES else None
