"""Chunks of AIFF that FFmpeg reads or writes wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from soundmill.engine.text import readable

# FFmpeg's layouts, as bits of WAVEFORMATEXTENSIBLE: the order of these is that of the channels.
_SPEAKERS = {"7.1": 0x63F, "7.1(wide-side)": 0x6CF}
_BY_BITMAP = 1 << 16  # Core Audio Types: kAudioChannelLayoutTag_UseChannelBitmap
_FIRST_CHUNK_AT, _CHUNK_HEAD_BYTES, _MOST_CHUNKS = 12, 8, 100
_LONGEST_TEXT = 1 << 20


def name_speakers(path: Path, layout: str) -> None:
    """Say which channel is which speaker's in the finished file at ``path``, whose channels are those of ``layout`` in FFmpeg's order.

    Of some layouts its muxer says it in Apple's order, and writes them in its own.
    """
    bitmap = _SPEAKERS.get(layout)
    if bitmap is None:
        return
    with path.open("r+b") as file:
        for name, _ in _chunks(file):
            if name == b"CHAN":
                file.write(_BY_BITMAP.to_bytes(4) + bitmap.to_bytes(4))
                return


def comments_in(file: BinaryIO) -> list[str]:
    """Annotations, of which FFmpeg takes the last one, and comments, which it overlooks (Apple, AIFF 1.3)."""
    found: list[str] = []
    for name, size in _chunks(file):
        if name == b"ANNO":
            found.append(_text(file.read(min(size, _LONGEST_TEXT))))
        elif name == b"COMT":
            found += map(_text, _comments(file.read(min(size, _LONGEST_TEXT))))
    return found


def _comments(content: bytes) -> Iterator[bytes]:
    """Behind their count each has a time, a marker and the length of its text."""
    at = 2
    for _ in range(int.from_bytes(content[:2])):
        if at >= len(content):
            return
        size = int.from_bytes(content[at + 6 : at + 8])
        yield content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _text(data: bytes) -> str:
    return readable(data.rstrip(b"\0").decode("utf-8", "surrogateescape"))


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Name and size of each; the file stands where its content begins."""
    at = _FIRST_CHUNK_AT
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(_CHUNK_HEAD_BYTES)
        if len(head) < _CHUNK_HEAD_BYTES:
            return
        size = int.from_bytes(head[4:])
        yield head[:4], size
        at += _CHUNK_HEAD_BYTES + size + size % 2
