"""ID3v1, the last 128 bytes of a file (id3.org, ID3v1): FFmpeg heeds it only where nothing else says anything, or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mutagen.id3 import TCON

from soundmill.engine.containers.part import APE_KINDS, ID3V1_BYTES, ID3V1_MARK, TAGGED_BEHIND
from soundmill.engine.text import readable

_KINDS = APE_KINDS | TAGGED_BEHIND
_PLACES = {"title": (3, 33), "artist": (33, 63), "album": (63, 93), "date": (93, 97), "comment": (97, 127)}
_TRACK_AT, _GENRE_AT = 126, 127


def read_id3v1(path: Path, kind: str) -> Mapping[str, str]:
    """What it says, by our names, in a file of this ``kind``."""
    if kind not in _KINDS:
        return {}
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - ID3V1_BYTES))
        data = file.read()
    if len(data) < ID3V1_BYTES or not data.startswith(ID3V1_MARK):
        return {}
    texts = {name: _text(data[begin:end]) for name, (begin, end) in _PLACES.items()}
    if not data[_TRACK_AT - 1] and data[_TRACK_AT]:  # ID3v1.1
        texts["track"] = str(data[_TRACK_AT])
    if data[_GENRE_AT] < len(TCON.GENRES):
        texts["genre"] = TCON.GENRES[data[_GENRE_AT]]
    return {name: text for name, text in texts.items() if text}


def _text(data: bytes) -> str:
    return readable(data.partition(b"\0")[0].decode("utf-8", "surrogateescape")).strip()
