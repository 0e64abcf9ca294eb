"""Which loudspeakers an AAC's program config element means (ISO/IEC 14496-3, section 4.4.1.1), where FFmpeg's decoder doesn't say.

FFmpeg's encoder (4.1 to 8) wrote them by its own order of channels, the pair in front before the centre and the bass as one at the side, which its
decoder hands out in that order and without names: as such files are what people have, what they mean is told by their elements.
"""

from __future__ import annotations

from typing import BinaryIO

# Of front, side and back: P for a pair, S for a single channel; then L for each of low frequencies. Of the same elements 6.1 is also what
# was 6.1(back) and 6.1(front), 7.0 what was 7.0(front), and 7.1(wide) what was 7.1(wide-side).
_LAYOUTS = {
    "PS///L": "3.1",
    "PS/S/S/": "4.1",
    "PS/P//": "5.0(side)",
    "PS/S/P/": "5.1(side)",
    "PS/P/S/": "6.0",
    "PS//PS/": "hexagonal",
    "PS/S/PS/": "6.1",
    "PS/P/P/": "7.0",
    "PS/S/PP/": "7.1(wide)",
    "PS/P/PS/": "octagonal",
}
_EXTENDED = frozenset({5, 29})  # SBR and PS: the object type of what they extend follows
_ESCAPED_TYPE, _ESCAPED_RATE = 31, 15
_ADTS_HEAD_BYTES, _CRC_BYTES, _LONGEST_ELEMENT_BYTES = 7, 2, 64
_PROGRAM_CONFIG = 5


def layout_by_setup(setup: bytes) -> str | None:
    """FFmpeg's name, by an AudioSpecificConfig (ISO/IEC 14496-3, section 1.6.2.1); ``None`` where it isn't told."""
    bits = _Bits(setup)
    kind = _object_type(bits)
    _skip_rate(bits)
    channels = bits.take(4)
    if kind in _EXTENDED:
        _skip_rate(bits)
        _object_type(bits)
    bits.take(1)  # frames of 960 samples
    if bits.take(1):
        bits.take(14)  # the delay of a core coder
    bits.take(1)
    return None if channels else _layout(bits)


def layout_by_frame(file: BinaryIO, start: int) -> str | None:
    """The same by the ADTS frame (ISO/IEC 14496-3, section 1.A.3.2) at the byte ``start``, which begins with the element."""
    file.seek(start)
    frame = file.read(_ADTS_HEAD_BYTES + _CRC_BYTES + _LONGEST_ELEMENT_BYTES)
    if len(frame) < _ADTS_HEAD_BYTES:
        return None
    bits = _Bits(frame[_ADTS_HEAD_BYTES + (0 if frame[1] & 1 else _CRC_BYTES) :])
    return _layout(bits) if bits.take(3) == _PROGRAM_CONFIG else None


class _Bits:
    """The highest first; zeros behind the last."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> int:
        begin, self._at = self._at, self._at + count
        first, last = begin >> 3, (self._at + 7) >> 3
        there = int.from_bytes(self._data[first:last].ljust(last - first, b"\0"))
        return there >> (last * 8 - self._at) & (1 << count) - 1


def _object_type(bits: _Bits) -> int:
    kind = bits.take(5)
    return 32 + bits.take(6) if kind == _ESCAPED_TYPE else kind


def _skip_rate(bits: _Bits) -> None:
    if bits.take(4) == _ESCAPED_RATE:
        bits.take(24)


def _layout(bits: _Bits) -> str | None:
    bits.take(10)  # tag, object type, rate
    counts = [bits.take(4) for _ in range(3)]
    low = bits.take(2)
    bits.take(7)  # how many of data and of coupling
    for size in (4, 4, 3):  # of the element that is a mix to one and to two channels, and of the matrix for that
        if bits.take(1):
            bits.take(size)
    elements = "/".join("".join("SP"[bits.take(5) >> 4] for _ in range(count)) for count in counts)
    return _LAYOUTS.get(f"{elements}/{'L' * low}")
