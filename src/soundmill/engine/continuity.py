"""Packets of MPEG-TS that are missing (ISO/IEC 13818-1, section 2.4.3.3): each packet of a stream is counted, from 0 to 15."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

_PACKET_BYTES, _TIMED_PACKET_BYTES = 188, 192
_SYNC = b"G"
_BLOCK_PACKETS = 1 << 15
_PAYLOAD, _ADAPTATION, _DISCONTINUITY = 0x10, 0x20, 0x80
_PID_MASK, _COUNT = 0x1FFF, 16

type _Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def breaks(file: BinaryIO, pid: int) -> list[int]:
    """Before which bytes of ``file`` packets of the stream with this ``pid`` are missing; each is the begin of the packet behind."""
    found: list[int] = []
    last: int | None = None
    for begin, step, packets in _runs(file):
        pids = (packets[:, 1].astype(np.uint16) << 8 | packets[:, 2]) & _PID_MASK
        places = np.flatnonzero((pids == pid) & (packets[:, 3] & _PAYLOAD > 0))
        if not places.size:
            continue
        counts = packets[places, 3] & _COUNT - 1
        before = np.concatenate(([counts[0] if last is None else last], counts[:-1])).astype(np.uint8)
        steps = (counts - before) & _COUNT - 1
        is_meant = (
            (packets[places, 3] & _ADAPTATION > 0)
            & (packets[places, 4] > 0)
            & (packets[places, 5] & _DISCONTINUITY > 0)
        )
        # One may be there twice.
        found += (begin + step * places[(steps > 1) & ~is_meant]).tolist()
        last = int(counts[-1])
    return found


def _runs(file: BinaryIO) -> Iterator[tuple[int, int, _Bytes]]:
    """Packets that follow on each other: where the first begins, how far they are apart, and one in each row."""
    length = file.seek(0, os.SEEK_END)
    at = 0
    while (start := _next_packets(file, at, length)) is not None:
        at, step = start
        file.seek(at)
        block = file.read(step * _BLOCK_PACKETS)
        rows = np.frombuffer(block, np.uint8, len(block) // step * step).reshape(-1, step)
        others = np.flatnonzero(rows[:, 0] != _SYNC[0])
        count = int(others[0]) if others.size else len(rows)
        yield at, step, rows[:count, :_PACKET_BYTES]
        at += max(1, count * step)


def _next_packets(file: BinaryIO, at: int, length: int) -> tuple[int, int] | None:
    """Where the next two begin, or the last one, and how far they are apart."""
    while length - at >= _PACKET_BYTES:
        file.seek(at)
        block = file.read(_TIMED_PACKET_BYTES * _BLOCK_PACKETS)
        found = block.find(_SYNC)
        while found >= 0:
            for step in (_PACKET_BYTES, _TIMED_PACKET_BYTES):
                following = block[found + step : found + step + 1]
                if following == _SYNC or (not following and length - at - found >= _PACKET_BYTES):
                    return at + found, step
            found = block.find(_SYNC, found + 1)
        at += len(block)
    return None
