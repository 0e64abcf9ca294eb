"""What a WAV file says in chunks that FFmpeg reads wrongly: of a comment and a description it takes the later one for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from soundmill.engine.containers.wave import chunks
from soundmill.engine.text import readable

_LONGEST_INFO = 1 << 20
_DESCRIPTION_BYTES = 256  # EBU Tech 3285, section 2.3
# What people or programs said of the recording; others are about the file.
_UNREAD = {
    b"iXML": "iXML",
    b"axml": "axml",
    b"_PMX": "XMP",
    b"cart": "cart",
    b"smpl": "loops of a sampler (smpl)",
    b"acid": "loops (acid)",
}


@dataclass(frozen=True, slots=True)
class WaveTexts:
    """``comment`` is that of RIFF's INFO, ``description`` that of Broadcast Wave, ``unread`` what is carried nowhere, named for people."""

    comment: str = ""
    description: str = ""
    unread: tuple[str, ...] = ()


def read_wave_texts(file: BinaryIO, kind: str) -> WaveTexts:
    """Nothing where a file of this ``kind`` has no such chunks."""
    if kind != "wav":
        return WaveTexts()
    comment = description = ""
    unread: dict[str, None] = {}
    for name, size in chunks(file):
        if name == b"LIST" and file.read(4) == b"INFO":
            comment = _comment_in(file.read(max(0, min(size - 4, _LONGEST_INFO)))) or comment
        elif name == b"bext":
            description = _text(file.read(min(size, _DESCRIPTION_BYTES)))
        elif name in _UNREAD and size:
            unread[f"tag: {_UNREAD[name]}"] = None
    return WaveTexts(comment, description, tuple(unread))


def _comment_in(info: bytes) -> str:
    at = 0
    while at + 8 <= len(info):
        size = int.from_bytes(info[at + 4 : at + 8], "little")
        if info[at : at + 4] == b"ICMT":
            return _text(info[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    return ""


def _text(data: bytes) -> str:
    return readable(data.partition(b"\0")[0].decode("utf-8", "surrogateescape")).strip()
