"""Covers as formats number and limit them, and those that FFmpeg overlooks."""

from __future__ import annotations

import binascii
from base64 import b64decode
from pathlib import Path

from mutagen.asf import ASF, ASFByteArrayAttribute

from soundmill.engine.values import UNREADABLE, read_comments

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


def read_comment_cover(path: Path, kind: str, codec: str) -> bytes | None:
    """What Vorbis comments have of a cover where FFmpeg finds none; ``None`` without one, nothing for a picture block that it can't read.

    ``COVERART`` is older than picture blocks, and just a picture (wiki.xiph.org, VorbisComment, "Unofficial COVERART field").
    """
    try:
        comments = read_comments(path, kind, codec) or {}
        old = comments.get("coverart")
        if old:
            return b64decode(old[0])
    except binascii.Error:
        return b""
    except UNREADABLE:
        return None
    return b"" if "metadata_block_picture" in comments else None
