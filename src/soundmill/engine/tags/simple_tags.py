"""The tags of a Matroska or WebM file (RFC 9559, section 5.1.8), where one may stand there several times: FFmpeg reads the last one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from soundmill.engine.containers.matroska import children, number_at

_SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
_TAGS, _TAG, _SIMPLE, _NAME, _STRING = 0x1254C367, 0x7373, 0x67C8, 0x45A3, 0x4487
_SEGMENT, _CLUSTER, _TRACKS, _TRACK = 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE
_TARGETS, _LEVEL, _LEVEL_NAME = 0x63C0, 0x68CA, 0x63CA
_OF_TRACK, _OF_OTHERS = 0x63C5, (0x63C9, 0x63C4, 0x63C6)  # editions, chapters, attachments
_ALBUM, _SONG = 50, 30
_LANGUAGES, _UNDETERMINED = (0x447A, 0x447B), b"und"
_HEAD_BYTES = 12
_LARGEST_BYTES = 16 << 20
_MOST_ELEMENTS = 1000


@dataclass(frozen=True, slots=True)
class _Element:
    """Where in a file it, and what it holds, begins and ends."""

    name: int
    at: int
    content_at: int
    end: int

    def content(self, file: BinaryIO, most: int = _LARGEST_BYTES) -> bytes:
        """Nothing of one that has more bytes than ``most``."""
        file.seek(self.content_at)
        size = self.end - self.content_at
        return file.read(size) if size <= most else b""


def read_simple_tags(file: BinaryIO) -> dict[str, list[str]]:
    """The values of each tag about the whole file, or its only track, by FFmpeg's names in lower case."""
    segment = _segment_of(file)
    if segment is None:
        return {}
    begin = _at_begin(file, segment)
    tracks = [name for each in begin if each.name == _TRACKS for name, _ in children(each.content(file))]
    has_one_track = tracks.count(_TRACK) == 1
    places = {each.at: each for each in begin if each.name == _TAGS}
    for each in islice(_pointed_at(file, segment, begin), _MOST_ELEMENTS):
        places.setdefault(each.at, each)
    levels = [
        said
        for content in _contents(file, places.values())
        for name, tag in children(content)
        if name == _TAG and (said := _said(tag, has_one_track=has_one_track)) is not None
    ]
    found: dict[str, list[str]] = {}
    has_songs = any(level == _SONG for level, _ in levels)
    for level, of_level in sorted(levels, key=lambda each: each[0]):  # what is nearer counts more
        # FFmpeg only heeds levels that are told in words. Its own files tell none, and mean a song.
        prefix = "album/" if has_songs and level == _ALBUM else ""
        for key, values in of_level.items():
            found.setdefault(key if "/" in key else prefix + key, values)
    return found


def _segment_of(file: BinaryIO) -> _Element | None:
    """The first one."""
    return next((each for each in _elements(file, 0, file.seek(0, os.SEEK_END)) if each.name == _SEGMENT), None)


def _at_begin(file: BinaryIO, segment: _Element) -> list[_Element]:
    """What stands before the sound."""
    found: list[_Element] = []
    for each in _elements(file, segment.content_at, segment.end):
        if each.name == _CLUSTER or len(found) == _MOST_ELEMENTS:
            break
        found.append(each)
    return found


def _elements(file: BinaryIO, at: int, end: int) -> Iterator[_Element]:
    while at < end:
        file.seek(at)
        head = file.read(_HEAD_BYTES)
        name, name_bytes = number_at(head, keep_marker=True)
        size, size_bytes = number_at(head[name_bytes:], keep_marker=False)
        if not name_bytes or not size_bytes:
            return
        content_at = at + name_bytes + size_bytes
        yield _Element(name, at, content_at, min(end, content_at + size))
        at = content_at + size


def _pointed_at(file: BinaryIO, segment: _Element, begin: list[_Element]) -> Iterator[_Element]:
    """Tags behind the sound."""
    for index in [each for each in begin if each.name == _SEEK_HEAD]:
        for name, content in children(index.content(file)):
            parts = dict(children(content)) if name == _SEEK else {}
            if int.from_bytes(parts.get(_SEEK_ID, b"")) == _TAGS:
                at = segment.content_at + int.from_bytes(parts.get(_SEEK_POSITION, b"")[:8])
                there = next(_elements(file, at, segment.end), None)
                if there is not None and there.name == _TAGS:
                    yield there


def _contents(file: BinaryIO, elements: Iterable[_Element]) -> Iterator[bytes]:
    """As many bytes altogether as the largest one may have: those that are pointed at may lie in each other."""
    left = _LARGEST_BYTES
    for each in elements:
        content = each.content(file, left)
        left -= len(content)
        yield content


def _said(tag: bytes, *, has_one_track: bool) -> tuple[int, dict[str, list[str]]] | None:
    """Its level and values; nothing where it is about a part."""
    level, prefix = _ALBUM, ""
    values: dict[str, list[str]] = {}
    for name, content in children(tag):
        if name == _TARGETS:
            for target, value in children(content):
                is_of_part = target in _OF_OTHERS or (target == _OF_TRACK and not has_one_track)
                if is_of_part and any(value):
                    return None
                if target == _LEVEL:
                    level = int.from_bytes(value[:8])
                elif target == _LEVEL_NAME:
                    prefix = value.rstrip(b"\0").decode("utf-8", "replace") + "/"
    for name, content in children(tag):
        parts = dict(children(content)) if name == _SIMPLE else {}
        is_in_a_language = any(parts.get(each, _UNDETERMINED) != _UNDETERMINED for each in _LANGUAGES)
        if _STRING in parts and not is_in_a_language:
            key, text = (parts.get(each, b"").rstrip(b"\0").decode("utf-8", "replace") for each in (_NAME, _STRING))
            values.setdefault((prefix + key).lower(), []).append(text)
    return level, values
