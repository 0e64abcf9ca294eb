"""Access units of MLP and TrueHD without a container: FFmpeg makes noise of what is broken, and says nothing of what it leaves out.

Dolby, "Meridian Lossless Packing: Technical Reference for FBA and FBB streams". Each unit tells its length; some begin with a sync.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from soundmill.engine.damage import Damage, Row

KINDS = frozenset({"mlp", "truehd"})
_BLOCK_BYTES, _PADDING = 1 << 20, bytes(256)  # longer than any head
_TRUEHD_SYNC, _MLP_SYNC = 0xF8726FBA, 0xF8726FBB
# Where these stand in a unit with a sync.
_SYNC_AT, _TRUEHD_RATE_AT, _MLP_RATE_AT, _SUBSTREAMS_AT, _EXTENSION_AT = 4, 8, 9, 20, 29
_HEAD_BYTES, _SYNC_BYTES, _SHORTEST_BYTES, _LENGTH = 4, 28, 6, 0x0FFF
_UNIT_SAMPLES, _OF_44_100_HZ = 40, 8  # at twice the rate it is twice as many
# Each substream has a word in a directory: whether another follows, whether there is a checksum, and where it ends, in words.
_TWO_WORDS, _HAS_PARITY = 0x8000, 0x2000
_HEAD_PARITY, _PARITY = 0xF, 0xA9

type _Bytes = np.ndarray[Any, np.dtype[np.uint8]]
type _Numbers = np.ndarray[Any, np.dtype[np.int64]]
type _Truths = np.ndarray[Any, np.dtype[np.bool_]]


def examine(file: BinaryIO) -> Row:
    """From where ``file`` stands, where a sync does, to its end.

    A part of a unit at the end is no damage: what was cut out of something longer ends like that.
    """
    at, length = file.tell(), file.seek(0, os.SEEK_END)
    units, substreams, unit_seconds = 0, 0, None
    while at < length:
        file.seek(at)
        block = file.read(_BLOCK_BYTES)
        unit_seconds = unit_seconds or _unit_seconds(block)
        checked = _checked(block, substreams)
        units, at, substreams = units + checked.good, at + checked.good_bytes, checked.substreams
        if checked.is_broken or (not checked.good and _has_sync_behind(file, at)):
            return Row(Damage(units * unit_seconds or None, at, False, "a unit is broken, or none"), length)
        if not checked.good:
            return Row(None, at)
    return Row(None, length)


@dataclass(frozen=True, slots=True)
class _Checked:
    """``is_broken`` where a unit follows on the good ones that isn't; ``substreams`` is how many the last sync tells of."""

    good: int
    good_bytes: int
    substreams: int
    is_broken: bool


def _checked(block: bytes, substreams: int) -> _Checked:
    """The units with which ``block`` begins, the first of which has so many ``substreams`` unless it says so itself."""
    begins = _unit_begins(block)
    if len(begins) < 2:  # the last one is where the next begins
        return _Checked(0, 0, substreams, is_broken=False)
    data = np.frombuffer(block + _PADDING, np.uint8)
    at, end = np.array(begins[:-1]), np.array(begins[1:])
    syncs = _numbers(data, at + _SYNC_AT, 4)
    is_truehd = syncs == _TRUEHD_SYNC
    has_sync = is_truehd | (syncs == _MLP_SYNC)
    last_sync = np.maximum.accumulate(np.where(has_sync, np.arange(len(at)), -1))
    counts = np.where(last_sync < 0, substreams, data[at[last_sync] + _SUBSTREAMS_AT] >> 4)
    extension = data[at + _EXTENSION_AT]
    is_extended = is_truehd & (extension & 1 > 0)
    extension_bytes = np.where(is_extended, 2 + 2 * (data[at + _EXTENSION_AT + 1].astype(np.int64) >> 4), 0)
    directory = at + _HEAD_BYTES + np.where(has_sync, _SYNC_BYTES + extension_bytes, 0)
    is_unit, is_right = _units(data, at, directory, end, counts)
    wrong = np.flatnonzero(~(is_unit & is_right))
    good = int(wrong[0]) if wrong.size else len(at)
    is_broken = bool(wrong.size and is_unit[good])
    return _Checked(good, begins[good], int(counts[good - 1]) if good else substreams, is_broken)


def _unit_begins(block: bytes) -> list[int]:
    """Where each that is whole begins, and where the last one ends."""
    begins, at, length = [0], 0, len(block)
    while at + 1 < length:
        at += 2 * (int.from_bytes(block[at : at + 2]) & _LENGTH)
        if at > length or at - begins[-1] < _SHORTEST_BYTES:
            break
        begins.append(at)
    return begins


def _units(data: _Bytes, at: _Numbers, directory: _Numbers, end: _Numbers, counts: _Numbers) -> tuple[_Truths, _Truths]:
    """Which are units at all, by the parity of their heads; and which have substreams with the parity that these tell."""
    sums = np.concatenate((np.zeros(1, np.uint8), np.bitwise_xor.accumulate(data)))
    sound, words = directory, []
    for number in range(int(counts.max())):
        is_there = number < counts
        word = np.where(is_there, _numbers(data, sound, 2), 0)
        sound = np.minimum(sound + np.where(is_there, 2 + 2 * (word & _TWO_WORDS > 0), 0), end)
        words.append((is_there, word))
    parity = sums[at + _HEAD_BYTES] ^ sums[at] ^ sums[sound] ^ sums[directory]
    is_unit = (parity >> 4 ^ parity) & _HEAD_PARITY == _HEAD_PARITY
    is_right = np.ones(len(at), bool)
    begin = sound
    for is_there, word in words:
        until = np.where(is_there, sound + 2 * (word & _LENGTH), begin)
        is_unit &= (begin <= until) & (until <= end)
        until = np.clip(until, begin + 1, end)
        is_told = is_there & (word & _HAS_PARITY > 0)
        is_right &= ~is_told | (sums[until - 1] ^ sums[begin] == _PARITY)
        begin = until
    return is_unit, is_right


def _numbers(data: _Bytes, at: _Numbers, size: int) -> _Numbers:
    """Of so many bytes, the highest first."""
    found = np.zeros(len(at), np.int64)
    for offset in range(size):
        found = found << 8 | data[at + offset]
    return found


def _unit_seconds(block: bytes) -> float:
    is_truehd = int.from_bytes(block[_SYNC_AT : _SYNC_AT + 4]) == _TRUEHD_SYNC
    rate = block[_TRUEHD_RATE_AT if is_truehd else _MLP_RATE_AT] >> 4 if len(block) > _MLP_RATE_AT else 0
    return _UNIT_SAMPLES / (44_100 if rate & _OF_44_100_HZ else 48_000)


def _has_sync_behind(file: BinaryIO, at: int) -> bool:
    """Whether behind the unit that would begin at the byte ``at`` another with a sync does."""
    at += _SYNC_AT + 1
    while True:
        file.seek(at)
        block = file.read(_BLOCK_BYTES)
        if any(sync.to_bytes(4) in block for sync in (_TRUEHD_SYNC, _MLP_SYNC)):
            return True
        if len(block) < _BLOCK_BYTES:
            return False
        at += len(block) - 3
