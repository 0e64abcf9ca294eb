"""Tags with several values in Matroska and WebM (RFC 9559, section 5.1.8), each in an element of its own: FFmpeg writes one text of them, and reads the last."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from soundmill.engine.matroska import children
from soundmill.engine.names import tag_name
from soundmill.engine.simple_tags import (
    NAME,
    SEEK,
    SEEK_HEAD,
    SEEK_ID,
    SEEK_POSITION,
    SIMPLE,
    STRING,
    TAG,
    TAGS,
    Element,
    at_begin,
    segment_of,
)
from soundmill.engine.tags import About
from soundmill.engine.values import BETWEEN

_VOID, _CRC = 0xEC, 0xBF
_SMALLEST_VOID = 9  # of which the head is longest


def write_values(path: Path, about: About) -> None:
    """Put each value into an element of its own, in tags at the end of the finished file at ``path``, in place of those that FFmpeg wrote."""
    if not about.several:
        return
    with path.open("r+b") as file:
        length = file.seek(0, os.SEEK_END)
        segment = segment_of(file)
        found = {each.name: each for each in reversed(at_begin(file, segment))} if segment is not None else {}
        if segment is None or segment.end != length or not found.keys() >= {SEEK_HEAD, _VOID, TAGS}:
            return
        index, room, tags = found[SEEK_HEAD], found[_VOID], found[TAGS]
        said = b"".join(_told(*each, about) for each in children(tags.content(file)))
        new_index = _element(SEEK_HEAD, _pointing(index.content(file), length - segment.content_at))
        left = room.end - index.at - len(new_index)
        if room.at != index.end or left < _SMALLEST_VOID or tags.end - tags.at < _SMALLEST_VOID:
            return
        file.seek(length)
        written = file.write(_element(TAGS, said))
        _write_at(file, tags.at, _void(tags.end - tags.at))
        _write_at(file, index.at, new_index + _void(left))
        _write_size(file, segment, segment.end - segment.content_at + written)


def _write_size(file: BinaryIO, segment: Element, size: int) -> None:
    taken = segment.content_at - segment.at - len(_bytes_of(segment.name))
    _write_at(file, segment.content_at - taken, (size | 1 << 7 * taken).to_bytes(taken))


def _void(length: int) -> bytes:
    """So many bytes, of which nine are its head."""
    return _bytes_of(_VOID) + ((length - _SMALLEST_VOID) | 1 << 56).to_bytes(8) + bytes(length - _SMALLEST_VOID)


def _write_at(file: BinaryIO, at: int, data: bytes) -> None:
    file.seek(at)
    file.write(data)


def _told(name: int, content: bytes, about: About) -> bytes:
    """An element of tags with each value on its own."""
    if name == _CRC:
        return b""
    if name != TAG:
        return _element(name, content)
    simples = b"".join(
        b"".join(_simples(value, about)) if child == SIMPLE else _element(child, value)
        for child, value in children(content)
    )
    return _element(TAG, simples)


def _simples(content: bytes, about: About) -> Iterator[bytes]:
    parts = dict(children(content))
    text = parts.get(STRING, b"").decode("utf-8", "replace")
    written = parts.get(NAME, b"").decode("utf-8", "replace")
    for value in _values(tag_name(written), text, about):
        yield _element(
            SIMPLE,
            b"".join(_element(child, value.encode() if child == STRING else data) for child, data in children(content)),
        )


def _values(name: str, text: str, about: About) -> Sequence[str]:
    # FFmpeg writes no spaces in names.
    for tag, values in about.several.items():
        if tag.replace(" ", "_") == name and tag in about.tags and about.values(tag) == values:
            return values if BETWEEN.join(values) == text else (text,)
    return (text,)


def _pointing(index: bytes, to_tags: int) -> bytes:
    """What ``index`` says, but that the tags are at the byte ``to_tags`` of the segment."""
    seeks = b""
    for name, content in children(index):
        if name == SEEK:
            parts = dict(children(content))
            if parts.get(SEEK_ID) == _bytes_of(TAGS):
                content = _element(SEEK_ID, parts[SEEK_ID]) + _element(SEEK_POSITION, to_tags.to_bytes(8))
            seeks += _element(SEEK, content)
    return seeks


def _bytes_of(name: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8)


def _element(name: int, content: bytes) -> bytes:
    if name in (SEEK_HEAD, TAGS):  # of the first level, as FFmpeg has them
        content = _element(_CRC, zlib.crc32(content).to_bytes(4, "little")) + content
    taken = max(1, -(-(len(content) + 1).bit_length() // 7))  # all ones would mean that nobody knows it
    return _bytes_of(name) + (len(content) | 1 << 7 * taken).to_bytes(taken) + content
