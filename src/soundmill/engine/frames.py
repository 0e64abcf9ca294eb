"""What FFmpeg misses of ID3: it reads the first of several values only, and writes comments and lyrics as free text."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from mutagen import MutagenError
from mutagen.aiff import AIFF
from mutagen.id3 import APIC, COMM, ID3, USLT, Encoding

from soundmill.engine.covers import FRONT_COVER
from soundmill.engine.picture import Picture

_LISTS = {"TPE1": "artist", "TPE2": "album_artist", "TCOM": "composer"}
_UNKNOWN_LANGUAGE = "XXX"  # ID3v2.4, section 4
# What mutagen raises for files that were built to confuse it.
_UNREADABLE = (MutagenError, ValueError, LookupError, ArithmeticError, TypeError, struct.error)


def read_lists(path: Path) -> dict[str, str]:
    """Tags that have several values in the ID3v2 of ``path``, joined as FFmpeg joins those of Vorbis comments."""
    try:
        with path.open("rb") as file:
            frames = ID3(path) if file.read(3) == b"ID3" else {}
        texts = {name: frames[frame].text for frame, name in _LISTS.items() if frame in frames}
    except _UNREADABLE:
        return {}
    return {name: ";".join(values) for name, values in texts.items() if len(values) > 1}


def write_frames(path: Path, tags: Mapping[str, str]) -> None:
    """Put comment and lyrics of the finished file where players look for them: ``COMM`` and ``USLT``."""
    if not {"comment", "lyrics"} & tags.keys():
        return
    frames = ID3(path)
    _add_texts(frames, tags)
    frames.save(path)


def write_aiff_frames(path: Path, tags: Mapping[str, str], cover: Picture | None) -> None:
    """The same in the finished AIFF file's ID3 chunk, with the cover: FFmpeg 9's muxer refuses pictures that it once took."""
    if cover is None and not {"comment", "lyrics"} & tags.keys():
        return
    song = AIFF(path)
    if song.tags is None:
        song.add_tags()
    _add_texts(song.tags, tags)
    if cover is not None:
        song.tags.add(APIC(encoding=Encoding.UTF8, mime=cover.mime_type, type=FRONT_COVER, desc="", data=cover.data))
    song.save()


def _add_texts(frames: ID3, tags: Mapping[str, str]) -> None:
    if "comment" in tags:
        frames.delall("TXXX:comment")
        frames.add(COMM(encoding=Encoding.UTF8, lang=_UNKNOWN_LANGUAGE, desc="", text=[tags["comment"]]))
    if "lyrics" in tags:
        frames.delall("TXXX:lyrics")
        frames.add(USLT(encoding=Encoding.UTF8, lang=_UNKNOWN_LANGUAGE, desc="", text=tags["lyrics"]))
