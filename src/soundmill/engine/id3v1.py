"""ID3v1, the last 128 bytes of a file (id3.org, ID3v1): FFmpeg heeds it only where nothing else says anything, or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from mutagen.id3 import TCON

from soundmill.engine.text import readable
from soundmill.engine.values import APE_KINDS

_KINDS = APE_KINDS | {"mp3", "aac"}
_BYTES, _MARK = 128, b"TAG"
_PLACES = {"title": (3, 33), "artist": (33, 63), "album": (63, 93), "date": (93, 97), "comment": (97, 127)}
_TRACK_AT, _GENRE_AT = 126, 127


def read_id3v1(path: Path, kind: str) -> Mapping[str, str]:
    """What it says, by our names, in a file of this ``kind``."""
    with path.open("rb") as file:
        begin = id3v1_begin(file, kind)
        if begin is None:
            return {}
        file.seek(begin)
        data = file.read(_BYTES)
    texts = {name: _text(data[begin:end]) for name, (begin, end) in _PLACES.items()}
    if not data[_TRACK_AT - 1] and data[_TRACK_AT]:  # ID3v1.1
        texts["track"] = str(data[_TRACK_AT])
    if data[_GENRE_AT] < len(TCON.GENRES):
        texts["genre"] = TCON.GENRES[data[_GENRE_AT]]
    return {name: text for name, text in texts.items() if text}


def id3v1_begin(file: BinaryIO, kind: str) -> int | None:
    """At which byte of a file of this ``kind`` it begins; nothing where there is none."""
    length = file.seek(0, os.SEEK_END)
    if kind not in _KINDS or length < _BYTES:
        return None
    file.seek(length - _BYTES)
    return length - _BYTES if file.read(len(_MARK)) == _MARK else None


def _text(data: bytes) -> str:
    return readable(data.partition(b"\0")[0].decode("utf-8", "surrogateescape")).strip()
