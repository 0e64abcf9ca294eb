"""Packets of MPEG-TS that are missing (ISO/IEC 13818-1, section 2.4.3.3): each packet of a stream is counted, from 0 to 15."""

from __future__ import annotations

import os
from bisect import bisect
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from soundmill.engine.containers.appended import appended

_PACKET_BYTES, _TIMED_PACKET_BYTES = 188, 192
_SYNC = b"G"
_FEWEST_AT_ONCE, _MOST_AT_ONCE = 1 << 4, 1 << 15  # of packets
_FEWEST_SEARCHED, _MOST_SEARCHED = 1 << 12, 1 << 20  # of bytes
_PACKETS_IN_A_ROW, _END_BYTES = 4, 1 << 15
_PAYLOAD, _ADAPTATION, _DISCONTINUITY = 0x10, 0x20, 0x80
_PID_MASK, _COUNT, _TABLE_OF_PROGRAMS = 0x1FFF, 16, 0

type _Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def breaks(file: BinaryIO, pid: int) -> list[int]:
    """Before which bytes of ``file`` packets of the stream with this ``pid`` are missing; each is the begin of the packet behind.

    Where the table of programs, with which each recording begins, is counted anew, too, one was put behind another.
    """
    found = _leaps(file, pid)
    joints = [at for _, at in _leaps(file, _TABLE_OF_PROGRAMS)] if found else []
    return [at for before, at in found if bisect(joints, before) == bisect(joints, at)]


def end_of_packets(file: BinaryIO, end: int) -> int:
    """Behind which byte before ``end`` there are none, but something that was appended: FFmpeg waits there for more of them."""
    begin = max(0, end - _END_BYTES)
    file.seek(begin)
    block = file.read(end - begin)
    found = block.rfind(_SYNC)
    while found >= 0:
        for step in (_PACKET_BYTES, _TIMED_PACKET_BYTES):
            if all(
                block[found - back * step : found - back * step + 1] == _SYNC for back in range(1, _PACKETS_IN_A_ROW)
            ):
                behind = begin + found + _PACKET_BYTES
                is_more = end - behind >= step and appended(file, behind, end) is not None
                return behind if is_more else end
        found = block.rfind(_SYNC, 0, found)
    return end


def _leaps(file: BinaryIO, pid: int) -> list[tuple[int, int]]:
    """Where packets of ``pid`` begin between which the count leaps."""
    found: list[tuple[int, int]] = []
    last: int | None = None
    last_at = 0
    for begin, step, packets in _runs(file):
        pids = (packets[:, 1].astype(np.uint16) << 8 | packets[:, 2]) & _PID_MASK
        places = np.flatnonzero((pids == pid) & (packets[:, 3] & _PAYLOAD > 0))
        if not places.size:
            continue
        counts = packets[places, 3] & _COUNT - 1
        counts_before = np.concatenate(([counts[0] if last is None else last], counts[:-1])).astype(np.uint8)
        steps = (counts - counts_before) & _COUNT - 1
        is_meant = (
            (packets[places, 3] & _ADAPTATION > 0)
            & (packets[places, 4] > 0)
            & (packets[places, 5] & _DISCONTINUITY > 0)
        )
        at = begin + step * places
        before = np.concatenate(([last_at], at[:-1]))
        is_leap = (steps > 1) & ~is_meant  # one may be there twice
        found += zip(before[is_leap].tolist(), at[is_leap].tolist(), strict=True)
        last, last_at = int(counts[-1]), int(at[-1])
    return found


def _runs(file: BinaryIO) -> Iterator[tuple[int, int, _Bytes]]:
    """Packets that follow on each other: where the first begins, how far they are apart, and one in each row."""
    length = file.seek(0, os.SEEK_END)
    at, most = 0, _FEWEST_AT_ONCE
    while (start := _next_packets(file, at, length)) is not None:
        at, step = start
        file.seek(at)
        block = file.read(step * most)
        rows = np.frombuffer(block, np.uint8, len(block) // step * step).reshape(-1, step)
        others = np.flatnonzero(rows[:, 0] != _SYNC[0])
        count = int(others[0]) if others.size else len(rows)
        yield at, step, rows[:count, :_PACKET_BYTES]
        at += max(1, count * step)
        # Where junk stands between them again and again, most of what is read would be read anew each time.
        most = min(2 * most, _MOST_AT_ONCE) if count == len(rows) else _FEWEST_AT_ONCE


def _next_packets(file: BinaryIO, at: int, length: int) -> tuple[int, int] | None:
    """Where the next two begin, or the last one, and how far they are apart."""
    size = _FEWEST_SEARCHED
    while length - at >= _PACKET_BYTES:
        file.seek(at)
        block = file.read(size + _TIMED_PACKET_BYTES)
        found = block.find(_SYNC, 0, size)
        while found >= 0:
            for step in (_PACKET_BYTES, _TIMED_PACKET_BYTES):
                following = block[found + step : found + step + 1]
                if following == _SYNC or (not following and length - at - found >= _PACKET_BYTES):
                    return at + found, step
            found = block.find(_SYNC, found + 1, size)
        at, size = at + size, min(2 * size, _MOST_SEARCHED)
    return None
