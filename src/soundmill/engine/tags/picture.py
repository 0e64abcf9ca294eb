"""Pictures in audio files: told by their own headers, never decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

OTHER, FRONT_COVER = 0, 3
"""ID3v2's numbers for what a picture shows (ID3v2.4, section 4.14), which FLAC's picture block (RFC 9639, section 8.8) and WM/Picture share."""

KINDS = (
    "Other",
    "32x32 pixels 'file icon'",
    "Other file icon",
    "Cover (front)",
    "Cover (back)",
    "Leaflet page",
    "Media (e.g. label side of CD)",
    "Lead artist/lead performer/soloist",
    "Artist/performer",
    "Conductor",
    "Band/Orchestra",
    "Composer",
    "Lyricist/text writer",
    "Recording Location",
    "During recording",
    "During performance",
    "Movie/video screen capture",
    "A bright coloured fish",
    "Illustration",
    "Band/artist logotype",
    "Publisher/Studio logotype",
)
"""What they are called, by their numbers: in ID3's words, which are FFmpeg's."""

_LARGEST_BYTES = 32 << 20
_MOST = 100
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_SIZE_END = 24
_GIF_SIZE_END = 10
_WEBP_SIZE_END = 30
_LONGEST_SIDE = (1 << 31) - 1  # ISO/IEC 15948, section 7.1
_START_OF_FRAME = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_MIME_TYPES = {"mjpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif"}


class Attached(NamedTuple):
    """A picture as a file has it, whatever it is worth; without data where there is one that can't be read."""

    data: bytes
    kind: int | None = None
    """An index of :data:`KINDS`; ``None`` where the file doesn't say."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG, PNG, WebP or GIF file; ``codec`` is FFmpeg's name for it, ``kind`` an index of :data:`KINDS`."""

    codec: str
    width: int
    height: int
    data: bytes
    kind: int = FRONT_COVER
    description: str = ""

    @property
    def mime_type(self) -> str:
        """As RFC 2046 and RFC 9649 have them."""
        return _MIME_TYPES[self.codec]

    @property
    def extension(self) -> str:
        """Of a file of this, without a dot."""
        return "jpg" if self.codec == "mjpeg" else self.codec


class Pictures(NamedTuple):
    """``good`` begins with the cover, if there is one: the first that is said to be the front, else the first of all."""

    good: tuple[Picture, ...]
    is_cover_bad: bool
    bad_others: int
    """How many besides the cover are too broken, too large or too many."""


def read_pictures(attached: Iterable[Attached]) -> Pictures:
    """Those of ``attached`` that can be carried: together they have at most the size of the largest that is taken for a cover."""
    several = sorted(_different(attached), key=lambda each: each.kind != FRONT_COVER)
    if several and several[0].kind is None:
        several[0] = several[0]._replace(kind=FRONT_COVER)
    good: list[Picture] = []
    left = _LARGEST_BYTES
    for each in several:
        picture = _read(each)
        if picture is not None and len(picture.data) <= left and len(good) < _MOST:
            left -= len(picture.data)
            good.append(picture)
    is_cover_bad = bool(several) and (not good or good[0].data != several[0].data)
    return Pictures(tuple(good), is_cover_bad, len(several) - len(good) - is_cover_bad)


def _different(attached: Iterable[Attached]) -> Iterable[Attached]:
    """One that stands in two tags is one; those that can't be read are counted."""
    unique: dict[tuple[bytes | int, int | None], Attached] = {}
    for number, each in enumerate(attached):
        unique.setdefault((each.data or number, each.kind), each)
    return unique.values()


def _read(attached: Attached) -> Picture | None:
    """``None`` for anything but a JPEG (ITU-T T.81), PNG (ISO/IEC 15948), WebP (RFC 9649) or GIF (89a) with a sane header."""
    data, kind, description = attached[0], attached.kind or OTHER, attached.description
    if not data or len(data) > _LARGEST_BYTES:
        return None
    codec, width, height = _codec_and_size(data)
    if not (0 < width <= _LONGEST_SIDE and 0 < height <= _LONGEST_SIDE):
        return None
    return Picture(codec, width, height, data, kind if kind < len(KINDS) else OTHER, description)


def _codec_and_size(data: bytes) -> tuple[str, int, int]:
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) >= _PNG_SIZE_END:
        return "png", *struct.unpack_from(">II", data, 16)
    if data.startswith(b"\xff\xd8\xff"):
        return "mjpeg", *_jpeg_size(data)
    if data.startswith((b"GIF87a", b"GIF89a")) and len(data) >= _GIF_SIZE_END:
        return "gif", *struct.unpack_from("<HH", data, 6)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP" and len(data) >= _WEBP_SIZE_END:
        return "webp", *_webp_size(data)
    return "", 0, 0


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _START_OF_FRAME:
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        at += 1 if marker == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4])
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    """RFC 9649, sections 2.5 to 2.7; of a lossy one RFC 6386, section 9.1."""
    form = data[12:16]
    if form == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if form == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if form == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0
