"""What Opus says of itself without being decoded: a packet's length and the stream's pre-skip."""

from __future__ import annotations

type Octets = bytes | memoryview

RATE = 48_000
"""Everything about Opus in files is counted at this rate in hertz (RFC 7845, section 4)."""

# Samples of one frame by configuration (RFC 6716, section 3.1, table 2).
_SILK, _HYBRID, _CELT = (480, 960, 1920, 2880), (480, 960), (120, 240, 480, 960)
_FRAME_SAMPLES = (*_SILK * 3, *_HYBRID * 2, *_CELT * 4)
_LONGEST_FRAME_BYTES = 1275
_LONGEST_PACKET_SAMPLES = 5760
_FAMILY = 18


def packet_samples(data: Octets) -> int:
    """Samples of a packet at 48 kHz; 0 for what breaks one of the rules R1 to R7 and is no packet (RFC 6716, section 3.4)."""
    if not data:
        return 0
    size, code = len(data) - 1, data[0] & 3
    if code == 0:
        frames = 1 if size <= _LONGEST_FRAME_BYTES else 0
    elif code == 1:
        frames = 2 if size % 2 == 0 and size <= 2 * _LONGEST_FRAME_BYTES else 0
    elif code == 2:
        first, at = _length(data, 1)
        frames = 2 if at and at + first <= len(data) <= at + first + _LONGEST_FRAME_BYTES else 0
    else:
        frames = _several_frames(data)
    samples = frames * _FRAME_SAMPLES[data[0] >> 3]
    return samples if samples <= _LONGEST_PACKET_SAMPLES else 0


def told_samples(data: Octets) -> int:
    """What a packet says of its length at its begin, which holds for several streams in one, too (RFC 7845, section 5.1.1); 0 for what says nothing."""
    if len(data) < 2:
        return 0
    code = data[0] & 3
    frames = 1 if code == 0 else 2 if code < 3 else data[1] & 0x3F
    return frames * _FRAME_SAMPLES[data[0] >> 3]


def _several_frames(data: Octets) -> int:
    """How many a packet of code 3 holds (section 3.2.5); 0 where their lengths don't fit into it."""
    if len(data) < 2:
        return 0
    frames, is_padded, is_variable = data[1] & 0x3F, data[1] & 0x40, data[1] & 0x80
    at, end = 2, len(data)
    while is_padded and at < len(data):
        padding = data[at]
        at, end, is_padded = at + 1, end - min(padding, 254), padding == 255
    if is_padded or not frames:
        return 0
    if not is_variable:
        size, rest = divmod(end - at, frames)
        return frames if 0 <= size <= _LONGEST_FRAME_BYTES and not rest else 0
    for _ in range(frames - 1):
        length, at = _length(data, at)
        if not at:
            return 0
        end -= length
    return frames if 0 <= end - at <= _LONGEST_FRAME_BYTES else 0


def _length(data: Octets, at: int) -> tuple[int, int]:
    """The length of a frame that is told at ``at`` (section 3.2.1), and where the telling ends: 0 if the packet does before."""
    if at < len(data) and data[at] < 252:
        return data[at], at + 1
    return (data[at + 1] * 4 + data[at], at + 2) if at + 1 < len(data) else (0, 0)


def holds_one_stream(head: bytes) -> bool:
    """True for ``OpusHead`` of channel mapping family 0, where a packet is one of RFC 6716: mono or stereo (RFC 7845, section 5.1.1.1)."""
    return head.startswith(b"OpusHead") and len(head) > _FAMILY and not head[_FAMILY]


def pre_skip(head: bytes) -> int:
    """Samples at 48 kHz that are decoded and not heard (RFC 7845, section 5.1); ``head`` is ``OpusHead``."""
    return int.from_bytes(head[10:12], "little") if head.startswith(b"OpusHead") else 0
