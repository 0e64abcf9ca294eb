"""Covers and lyrics in the formats where FFmpeg has no place for them, or would make a film of them."""

from __future__ import annotations

import struct
from pathlib import Path

from mutagen import MutagenError
from mutagen.asf import ASF, ASFByteArrayAttribute
from mutagen.mp4 import MP4, MP4Cover

from soundmill.engine.asf import correct_size
from soundmill.engine.picture import Picture

FRONT_COVER = 3
"""ID3v2's number for it, which FLAC's picture block (RFC 9639, section 8.8) and WM/Picture share."""

LARGEST_FLAC_PICTURE_BYTES = (1 << 24) - 1024
"""A metadata block's size has 24 bits (RFC 9639, section 8.1); its header, description and type want room, too."""

# What mutagen raises for files that were built to confuse it.
_UNREADABLE = (MutagenError, ValueError, LookupError, ArithmeticError, TypeError, struct.error)
_MP4_FORMATS = {"mjpeg": MP4Cover.FORMAT_JPEG, "png": MP4Cover.FORMAT_PNG}


def write_atoms(path: Path, cover: Picture | None, lyrics: str | None) -> None:
    """Add cover and lyrics to the finished MP4 file at ``path``."""
    atoms: dict[str, list[object]] = {}
    if cover is not None:
        atoms["covr"] = [MP4Cover(cover.data, _MP4_FORMATS[cover.codec])]
    if lyrics is not None:
        atoms["\xa9lyr"] = [lyrics]
    if atoms:
        song = MP4(path)
        song.update(atoms)
        song.save()


def write_asf_cover(path: Path, cover: Picture) -> None:
    """Add ``cover`` to the finished Windows Media file at ``path``."""
    song = ASF(path)
    song["WM/Picture"] = [ASFByteArrayAttribute(_wm_picture(cover))]
    song.save()
    with path.open("r+b") as file:
        correct_size(file)


def read_asf_cover(path: Path) -> bytes | None:
    """The picture of a Windows Media file, which FFmpeg often overlooks; ``None`` without one that can be read."""
    try:
        found = (ASF(path).tags or {}).get("WM/Picture")
    except _UNREADABLE:
        return None
    if not found:
        return None
    data = bytes(found[0].value)
    size = int.from_bytes(data[1:5], "little")
    return data[-size:] if 0 < size <= len(data) else None


def _wm_picture(cover: Picture) -> bytes:
    """Windows Media Format SDK, WM_PICTURE: type, size, MIME type, description, data."""
    return (
        struct.pack("<BI", FRONT_COVER, len(cover.data))
        + (cover.mime_type + "\0").encode("utf-16-le")
        + "\0".encode("utf-16-le")
        + cover.data
    )
