"""Fragments of an MP4 file (ISO/IEC 14496-12, section 8.8): FFmpeg goes on behind what it can't read, and one that is missing it doesn't miss."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from typing import BinaryIO

from soundmill.engine.containers.boxes import told_size
from soundmill.engine.damage import Damage

_KNOWN = frozenset(
    {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"mfra", b"sidx", b"ssix", b"emsg", b"prft", b"pdin"}
    | {b"free", b"skip", b"wide", b"udta", b"meta", b"uuid", b"mvex", b"junk"}
)
_MOOF, _HEAD_BYTES = b"moof", 16
_BEGIN = re.compile(rb"moof....mfhd", re.DOTALL)
_BEGIN_BYTES = 12
_NUMBER_AT = 20  # from the begin of a fragment: two heads, version and flags
_MOST_BOXES = 1_000_000
_BLOCK_BYTES = 1 << 20
_MOST_GAPS = 0.1
"""Of all fragments: where more are missing by their numbers, these count something else."""


def find_damage(file: BinaryIO) -> Damage | None:
    """From where ``file`` stands, the first place between its fragments where something else stands or one is missing; ``None`` for a file without."""
    at = file.tell()
    length = file.seek(0, os.SEEK_END)
    numbers: list[tuple[int, int]] = []
    for _ in range(_MOST_BOXES):
        if at >= length:
            break
        file.seek(at)
        head = file.read(_HEAD_BYTES)
        size, _ = told_size(head)
        if head[4:8] not in _KNOWN or size < 8:
            if numbers and _has_fragment(file, at):
                return _missing(numbers) or Damage(None, at, False, "no box there")
            break
        if head[4:8] == _MOOF:
            file.seek(at + _NUMBER_AT)
            numbers.append((at, int.from_bytes(file.read(4))))
        at += size
    return _missing(numbers)


def _missing(numbers: list[tuple[int, int]]) -> Damage | None:
    """By the places and numbers of fragments. Where several files were joined, they begin anew."""
    gaps = [at for (_, before), (at, number) in pairwise(numbers) if number > before + 1]
    if not gaps or len(gaps) > max(1, _MOST_GAPS * len(numbers)):
        return None
    return Damage(None, gaps[0], False, "before the fragment there another is missing")


def _has_fragment(file: BinaryIO, at: int) -> bool:
    """Whether another begins behind the byte ``at``."""
    while True:
        file.seek(at)
        block = file.read(_BLOCK_BYTES)
        if _BEGIN.search(block):
            return True
        if len(block) < _BLOCK_BYTES:
            return False
        at += _BLOCK_BYTES - _BEGIN_BYTES + 1
