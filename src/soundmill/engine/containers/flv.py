"""The tags of a Flash video file (Adobe Flash Video File Format Specification 10.1, annex E): FFmpeg goes on with the next that it finds, and says nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from soundmill.engine.damage import Damage

_OFFSET_AT, _SIZE_BYTES, _HEAD_BYTES = 5, 4, 11
_SOUND, _PICTURE, _SCRIPT = 8, 9, 18
_HEAD = re.compile(rb"(?=[\x08\x09\x12].{7}\0\0\0)", re.DOTALL)  # the number of the stream, which is 0, ends it
_BLOCK_BYTES, _MOST_HEADS, _LONGEST_APPENDED = 1 << 20, 1000, 16 << 20


@dataclass(frozen=True, slots=True)
class _Tag:
    end: int
    seconds: float
    is_whole: bool
    is_told: bool
    """True where its length stands behind it, with the head."""


def find_damage(file: BinaryIO) -> Damage | None:
    """From where ``file`` stands, the first tag that isn't one or is cut off; ``None`` when they follow each other up to what is no tag at all."""
    at = file.tell()
    length = file.seek(0, os.SEEK_END)
    file.seek(at + _OFFSET_AT)
    at += int.from_bytes(file.read(4)) + _SIZE_BYTES
    seconds, before, is_usual = 0.0, 0, True
    while at < length:
        if is_usual:
            file.seek(at)
            passed, bare, later = _usual_tags(file.read(_BLOCK_BYTES))
            at, before, is_usual = at + passed, before + bare, passed > 0
            seconds = seconds if later is None else later
            continue
        tag = _tag(file, at, before)
        if tag is not None and tag.is_whole:
            before += tag.end - _SIZE_BYTES - at
            at, seconds = tag.end, tag.seconds
        elif _is_followed(file, at + 1, length):
            return Damage(seconds, at, False, "no tag there")
        else:
            is_cut = tag is not None and tag.end > length
            return Damage(seconds, length, True, "the last tag is cut off") if is_cut else None
    return None


def _usual_tags(block: bytes) -> tuple[int, int, float | None]:
    """How many bytes those have with which ``block`` begins and that say their own length, with it and without; and when the last one is.

    A file that is read tag by tag takes three times as long.
    """
    at = bare = 0
    last = None
    while True:
        size = _HEAD_BYTES + int.from_bytes(block[at + 1 : at + 4])
        if block[at + size : at + size + _SIZE_BYTES] != size.to_bytes(_SIZE_BYTES):
            return at, bare, None if last is None else _seconds(block[last : last + _HEAD_BYTES])
        last, at, bare = at, at + size + _SIZE_BYTES, bare + size


def _seconds(head: bytes) -> float:
    return (int.from_bytes(head[4:7]) | head[7] << 24) / 1000


def _tag(file: BinaryIO, at: int, before: int = 0) -> _Tag | None:
    """What begins at the byte ``at``, behind tags of ``before`` bytes.

    Behind a tag stands its length. Some programs write others there that FFmpeg takes, too, or end without the last one.
    """
    file.seek(at)
    head = file.read(_HEAD_BYTES)
    if len(head) < _HEAD_BYTES:
        return None
    size = int.from_bytes(head[1:4])
    whole = _HEAD_BYTES + size
    file.seek(at + whole)
    told = file.read(_SIZE_BYTES)
    is_known = head[0] & 0x1F in (_SOUND, _PICTURE, _SCRIPT) and not any(head[8:])
    is_told = len(told) == _SIZE_BYTES and int.from_bytes(told) == whole
    if not is_known and not is_told:
        return None
    if len(told) == _SIZE_BYTES:
        is_whole = is_told or int.from_bytes(told) in (whole - 1, size, before + whole, 0)
    else:
        is_whole = at + whole <= file.seek(0, os.SEEK_END)
    return _Tag(at + whole + _SIZE_BYTES, _seconds(head), is_whole, is_told)


def _is_followed(file: BinaryIO, at: int, length: int) -> bool:
    """Whether from the byte ``at`` on there is a whole tag that says its length with the head, or more than anybody appends."""
    if length - at > _LONGEST_APPENDED:
        return True
    while at < length:
        file.seek(at)
        block = file.read(_BLOCK_BYTES)
        for found in islice(_HEAD.finditer(block), _MOST_HEADS):
            tag = _tag(file, at + found.start())
            if tag is not None and tag.is_told:
                return True
        at += max(1, len(block) - _HEAD_BYTES + 1)
    return False
