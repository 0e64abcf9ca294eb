"""What FFmpeg has no place for in Windows Media files, or writes twice: pictures, and tags with several values."""

from __future__ import annotations

import struct
from pathlib import Path

from mutagen.asf import ASF, ASFByteArrayAttribute

from soundmill.engine.containers.asf import correct_size
from soundmill.engine.tags.about import About
from soundmill.engine.tags.names import WM_NAMES
from soundmill.engine.tags.picture import Picture
from soundmill.engine.tags.verbatim import ASF as VERBATIM

NAMES_THAT_FFMPEG_LACKS = {"date": "WM/Year", "lyrics": "WM/Lyrics"}
_NAMES = {**NAMES_THAT_FFMPEG_LACKS, **WM_NAMES}
_LONGEST_BYTES = 0xFFFF


def write_wm(path: Path, about: About) -> None:
    """Put them into the finished Windows Media file at ``path``."""
    names = [
        name
        for name, text in about.tags.items()
        if name in about.several or name in WM_NAMES or not is_written_by_ffmpeg(text)
    ]
    verbatim = [each for each in about.verbatim if each.family == VERBATIM]
    if not names and not verbatim and not about.pictures:
        return
    song = ASF(path)
    if "comment" in about.tags:
        song.pop("description", None)  # readers take it for the comment, whose place is called so too
    for name in names:
        song.pop(name, None)  # FFmpeg's own name, or its second one
        song[_NAMES.get(name, name)] = list(about.values(name))
    for each in verbatim:
        if each.is_said(about.tags):
            song.pop(each.name, None)
        song.tags.update(each.content)
    if about.pictures:
        song["WM/Picture"] = [ASFByteArrayAttribute(_wm_picture(each)) for each in about.pictures]
    song.save()
    with path.open("r+b") as file:
        correct_size(file)


def is_written_by_ffmpeg(text: str) -> bool:
    """Of longer ones, which have a place of their own (ASF specification, section 4.8), its muxer writes a wrong length: nobody can read the file."""
    return len((text + "\0").encode("utf-16-le")) <= _LONGEST_BYTES


def _wm_picture(picture: Picture) -> bytes:
    """Windows Media Format SDK, WM_PICTURE: type, size, MIME type, description, data."""
    words = f"{picture.mime_type}\0{picture.description}\0".encode("utf-16-le")
    return struct.pack("<BI", picture.kind, len(picture.data)) + words + picture.data
