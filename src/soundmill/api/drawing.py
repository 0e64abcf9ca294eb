"""A waveform as a PNG picture (ISO/IEC 15948): two colours, one of which is none."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from soundmill.model.waveform import Waveform

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BIT_DEPTH, _INDEXED = 1, 3
_NO_FILTER = b"\0"
_RANGE = 128


def png(waveform: Waveform, width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """``waveform`` over the whole width, drawn in ``colour`` on a transparent ground. Sizes in pixels, red, green, blue to 255."""
    head = struct.pack(">IIBBBBB", width, height, _BIT_DEPTH, _INDEXED, 0, 0, 0)
    rows = b"".join(_NO_FILTER + row for row in _rows(_bars(waveform, width, height), width, height))
    chunks = (
        (b"IHDR", head),
        (b"PLTE", bytes(3) + bytes(colour)),
        (b"tRNS", b"\0"),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _bars(waveform: Waveform, width: int, height: int) -> Iterator[tuple[int, int]]:
    """Of each column of pixels the first row that is drawn, and the first behind: one at least, so that silence is a line."""
    values, columns = waveform.values(), waveform.columns
    for x in range(width if columns else 0):
        begin = x * columns // width
        end = max(begin + 1, (x + 1) * columns // width)
        lowest, highest = min(values[2 * begin : 2 * end : 2]), max(values[2 * begin + 1 : 2 * end : 2])
        top = (_RANGE - 1 - highest) * height // (2 * _RANGE)
        yield top, max(top + 1, -(-(_RANGE - lowest) * height // (2 * _RANGE)))


def _rows(bars: Iterator[tuple[int, int]], width: int, height: int) -> Iterator[bytes]:
    """Bits from the left, eight a byte. From row to row only those change whose bar begins or ends there."""
    changes: list[list[int]] = [[] for _ in range(height + 1)]
    for x, (top, bottom) in enumerate(bars):
        changes[top].append(x)
        changes[bottom].append(x)
    row = bytearray(-(-width // 8))
    for changed in changes[:height]:
        for x in changed:
            row[x >> 3] ^= 0x80 >> (x & 7)
        yield bytes(row)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
