"""Pictures where files have them: those that FFmpeg finds, and those that it overlooks."""

from __future__ import annotations

import binascii
import struct
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import BinaryIO

from av.container import InputContainer
from av.stream import AttachmentStream, Disposition, Stream
from mutagen.asf import ASF, ASFByteArrayAttribute

from soundmill.engine.containers.part import rewound
from soundmill.engine.reading.source import Source
from soundmill.engine.tags.picture import FRONT_COVER, KINDS, OTHER, Attached
from soundmill.engine.tags.values import UNREADABLE, read_comments
from soundmill.engine.text import readable

_NUMBERS = {name.lower(): number for number, name in enumerate(KINDS)}
_MOST_BYTES = 64 << 20  # of a file that is nothing but pictures; more than are carried
# Files that are attached have names instead (matroska.org, Cover Art).
_NUMBERS_OF_FILES = {name.replace("/", " "): number for name, number in _NUMBERS.items()} | {
    "cover": FRONT_COVER,
    "back": 4,
}
# In APEv2 the names of items say it (wiki.hydrogenaud.io, APE key).
_IN_APE = "cover art ("
_NUMBERS_IN_APE = {"front": FRONT_COVER, "back": 4, "leaflet": 5, "media": 6, "icon": 1, "other": OTHER}


def attached_pictures(part: BinaryIO, source: Source) -> list[Attached]:
    """All that a file of sound has, in its order; nothing is read of its sound. Raises ``av.FFmpegError``."""
    found = [*_attachments(source.container), *_attached_streams(source.container)]
    if source.kind == "asf":
        several = _of_windows_media(part)
        return several if len(several) >= len(found) else found
    if not found and source.kind in ("ogg", "flac"):
        return _of_comments(part, source)
    return found


def ape_picture(name: str, value: bytes) -> Attached | None:
    """What an item of an APEv2 tag has of a picture; ``None`` if it is something else. Before it stands the name of its file."""
    if not name.lower().startswith(_IN_APE):
        return None
    return Attached(value.partition(b"\0")[2], _NUMBERS_IN_APE.get(name[len(_IN_APE) :].rstrip(")").lower(), OTHER))


def file_name(kind: int, extension: str) -> str:
    """What a picture of this kind is called where it is a file of its own (matroska.org, Cover Art)."""
    name = "cover" if kind == FRONT_COVER else KINDS[kind].replace("/", " ")
    return f"{name}.{extension}"


def _attachments(container: InputContainer) -> Iterator[Attached]:
    """Those of Matroska that FFmpeg doesn't take for a stream."""
    for each in container.streams:
        if isinstance(each, AttachmentStream) and (each.mimetype or "").startswith("image/"):
            yield Attached(each.data, _kind(each.metadata), readable(each.metadata.get("title", "")))


def _attached_streams(container: InputContainer) -> Iterator[Attached]:
    pictures = {each.index: each for each in container.streams.video if _is_picture(each)}
    left = _MOST_BYTES
    # Their packets come before any sound; FFmpeg hands them out again after a seek to the start.
    for packet in container.demux(list(pictures.values())) if pictures else ():
        picture = pictures.pop(packet.stream.index, None)
        if picture is not None:
            data = bytes(packet) if packet.size <= left else b""
            left -= len(data)
            yield Attached(data, _kind(picture.metadata), readable(picture.metadata.get("title", "")))
        if not pictures:
            return


def _is_picture(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic) and not stream.disposition & Disposition.timed_thumbnails


def _kind(said: Mapping[str, str]) -> int | None:
    """By what FFmpeg says of a picture: ID3's words, the name of its file, or that of its item in APEv2."""
    if "comment" in said:
        return _NUMBERS.get(said["comment"].lower())
    if "filename" in said:
        return _NUMBERS_OF_FILES.get(PurePath(said["filename"].lower()).stem)
    return next((found.kind for name in said if (found := ape_picture(name, b""))), None)


def _of_windows_media(part: BinaryIO) -> list[Attached]:
    """Of which FFmpeg overlooks many (Windows Media Format SDK, WM_PICTURE: type, size, MIME type, description, data)."""
    try:
        found = (ASF(rewound(part)).tags or {}).get("WM/Picture", [])
    except UNREADABLE:
        return []
    return [_of_wm_picture(bytes(each.value)) for each in found if isinstance(each, ASFByteArrayAttribute)]


def _of_wm_picture(block: bytes) -> Attached:
    kind, size = struct.unpack_from("<BI", block.ljust(5, b"\0"))
    data, words = block[-size:] if 0 < size <= len(block) else b"", block[5 : len(block) - size]
    texts = words.decode("utf-16-le", "replace").split("\0")
    return Attached(data, kind, texts[1] if len(texts) > 1 else "")


def _of_comments(part: BinaryIO, source: Source) -> list[Attached]:
    """Where FFmpeg finds none: without data for a picture block that it can't read.

    ``COVERART`` is older than picture blocks, and just a picture (wiki.xiph.org, VorbisComment, "Unofficial COVERART field").
    """
    try:
        comments = read_comments(part, source.kind, source.stream.codec_context.name) or {}
        old = comments.get("coverart")
        if old:
            return [Attached(b64decode(old[0]))]
    except binascii.Error:
        return [Attached(b"")]
    except UNREADABLE:
        return []
    return [Attached(b"")] * ("metadata_block_picture" in comments)
