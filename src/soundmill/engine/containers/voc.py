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


def find_damage(file: BinaryIO) -> Damage | None:
    """From where ``file`` stands, the first block that is cut off, or an end behind which blocks go on."""
    start, length = file.tell(), file.seek(0, os.SEEK_END)
    file.seek(start + _OFFSET_AT)
    at = start + int.from_bytes(file.read(2), "little")
    while at < length:
        file.seek(at)
        block = file.read(_BLOCK_BYTES)
        passed = _passed(block)
        if not passed:
            is_end = block[0] == _END and _goes_on(file, at + 1, length)
            return Damage(None, at, False, "an end, and sound behind it") if is_end else None
        at += passed
    return Damage(None, length, True, "the last block is cut off") if at > length + _SLACK_BYTES else None


def _passed(block: bytes) -> int:
    """Where those end with which ``block`` begins, of which the last one may be longer than it."""
    at, last = 0, len(block) - _HEAD_BYTES
    while at <= last and block[at] != _END:
        at += _HEAD_BYTES + int.from_bytes(block[at + 1 : at + _HEAD_BYTES], "little")
    return at


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
        if _END < rest[at] <= _LAST_KIND and at + _passed(rest[at : at + _HEAD_BYTES]) in ends:
            ends.add(at)
    return min(ends) < len(rest) - 1
