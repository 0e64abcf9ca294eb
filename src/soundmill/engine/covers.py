"""Covers as formats number and limit them, and those that FFmpeg overlooks."""

from __future__ import annotations

from pathlib import Path

from mutagen.asf import ASF, ASFByteArrayAttribute

from soundmill.engine.values import UNREADABLE

FRONT_COVER = 3
"""ID3v2's number for it, which FLAC's picture block (RFC 9639, section 8.8) and WM/Picture share."""

FRONT_COVER_NAME = "Cover (front)"
"""FFmpeg's name for it."""

LARGEST_FLAC_PICTURE_BYTES = (1 << 24) - 1024
"""A metadata block's size has 24 bits (RFC 9639, section 8.1); its header, description and type want room, too."""


def read_asf_cover(path: Path) -> bytes | None:
    """The picture of a Windows Media file, which FFmpeg often overlooks; ``None`` without one that can be read."""
    try:
        found = (ASF(path).tags or {}).get("WM/Picture")
    except UNREADABLE:
        return None
    if not found or not isinstance(found[0], ASFByteArrayAttribute):
        return None
    data = bytes(found[0].value)
    size = int.from_bytes(data[1:5], "little")
    return data[-size:] if 0 < size <= len(data) else None
