"""Which channel of an AIFF file is which speaker's: of some layouts FFmpeg's muxer says it in Apple's order, and writes them in its own."""

from __future__ import annotations

from pathlib import Path

# FFmpeg's layouts, as bits of WAVEFORMATEXTENSIBLE: the order of these is that of the channels.
_SPEAKERS = {"7.1": 0x63F, "7.1(wide-side)": 0x6CF}
_BY_BITMAP = 1 << 16  # Core Audio Types: kAudioChannelLayoutTag_UseChannelBitmap
_FIRST_CHUNK_AT, _CHUNK_HEAD_BYTES, _MOST_CHUNKS = 12, 8, 100


def name_speakers(path: Path, layout: str) -> None:
    """Say it as it is in the finished file at ``path``, whose channels are those of ``layout`` in FFmpeg's order."""
    bitmap = _SPEAKERS.get(layout)
    if bitmap is None:
        return
    with path.open("r+b") as file:
        at = _FIRST_CHUNK_AT
        for _ in range(_MOST_CHUNKS):
            file.seek(at)
            head = file.read(_CHUNK_HEAD_BYTES)
            if head.startswith(b"CHAN"):
                file.seek(at + _CHUNK_HEAD_BYTES)
                file.write(_BY_BITMAP.to_bytes(4) + bitmap.to_bytes(4))
                return
            size = int.from_bytes(head[4:])
            at += _CHUNK_HEAD_BYTES + size + size % 2
