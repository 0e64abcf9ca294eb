"""Blocks of a Creative Voice file (Creative Labs, "VOC File Format"): one of the kind 0 is the end, and so is what lost its bytes."""

from __future__ import annotations

import os
from functools import partial
from typing import BinaryIO

from soundmill.engine.containers.appended import appended
from soundmill.engine.damage import Damage

_OFFSET_AT, _HEAD_BYTES = 20, 4
_END, _LAST_KIND = 0, 9
_BLOCK_BYTES = 1 << 20
# Some programs count the head of the sound's form twice, or leave the end out.
_SLACK_BYTES = 16
# SoX counts a head of 4 bytes where it has 12: so much of a sound of 16 bits, and the end, is behind its block.
_UNCOUNTED_BYTES = 9


def find_damage(file: BinaryIO) -> Damage | None:
    """From where ``file`` stands, the first block that is cut off, or an end behind which blocks go on."""
    start, length = file.tell(), file.seek(0, os.SEEK_END)
    file.seek(start + _OFFSET_AT)
    at = last = start + int.from_bytes(file.read(2), "little")
    while at < length:
        file.seek(at)
        block = file.read(_BLOCK_BYTES)
        before, passed = _passed(block)
        if not passed:
            goes_on = block[0] == _END and not _is_uncounted(file, at, length) and _goes_on(file, at + 1, length)
            return Damage(None, at, False, "an end, and sound behind it") if goes_on else None
        last, at = at + before, at + passed
    is_cut_off = at > length + _SLACK_BYTES and not _is_uncounted(file, last, length)
    return Damage(None, length, True, "the last block is cut off") if is_cut_off else None


def _passed(block: bytes) -> tuple[int, int]:
    """Where the last of those with which ``block`` begins does, and where it ends, which may be behind it."""
    last, at, most = 0, 0, len(block) - _HEAD_BYTES
    while at <= most and block[at] != _END:
        last, at = at, at + _HEAD_BYTES + int.from_bytes(block[at + 1 : at + _HEAD_BYTES], "little")
    return last, at


def _is_uncounted(file: BinaryIO, at: int, length: int) -> bool:
    """Whether what seems to be a block at the byte ``at`` is the rest of the last one's sound."""
    file.seek(length - 1)
    return length - at <= _UNCOUNTED_BYTES and file.read(1) == bytes([_END])


def _goes_on(file: BinaryIO, at: int, length: int) -> bool:
    """Whether behind an end there is more than anybody appends, or a block that is followed by others up to the end."""
    rest = appended(file, at, length)
    return _is_written(file, at) if rest is None else _has_row(rest)


def _is_written(file: BinaryIO, at: int) -> bool:
    file.seek(at)
    return any(block.strip(b"\0") for block in iter(partial(file.read, _BLOCK_BYTES), b""))


def _has_row(rest: bytes) -> bool:
    ends = {len(rest), len(rest) - 1} if rest.endswith(bytes([_END])) else {len(rest)}
    for at in range(len(rest) - _HEAD_BYTES, -1, -1):
        if _END < rest[at] <= _LAST_KIND and at + _passed(rest[at : at + _HEAD_BYTES])[1] in ends:
            ends.add(at)
    return min(ends) < len(rest) - 1
