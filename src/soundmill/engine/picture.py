"""Cover pictures: told by their own headers, never decoded."""

from __future__ import annotations

from dataclasses import dataclass

_LARGEST_BYTES = 32 << 20
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_SIZE_END = 24
_LONGEST_SIDE = (1 << 31) - 1  # ISO/IEC 15948, section 7.1
_START_OF_FRAME = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG or PNG file; ``codec`` is FFmpeg's name for it."""

    codec: str
    mime_type: str
    width: int
    height: int
    data: bytes


def read_picture(data: bytes | None) -> Picture | None:
    """The picture in ``data``, or ``None`` for anything but a JPEG (ITU-T T.81) or PNG (ISO/IEC 15948) with a sane header."""
    if not data or len(data) > _LARGEST_BYTES:
        return None
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) >= _PNG_SIZE_END:
        size = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
        return Picture("png", "image/png", *size, data) if min(size) > 0 and max(size) <= _LONGEST_SIDE else None
    if data.startswith(b"\xff\xd8\xff"):
        size = _jpeg_size(data)
        return Picture("mjpeg", "image/jpeg", *size, data) if all(size) else None
    return None


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _START_OF_FRAME:
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        at += 1 if marker == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4])
    return 0, 0
