"""What Opus says of itself without being decoded: a packet's length and the stream's pre-skip."""

from __future__ import annotations

RATE = 48_000
"""Everything about Opus in files is counted at this rate in hertz (RFC 7845, section 4)."""

# Samples of one frame by configuration (RFC 6716, section 3.1, table 2).
_SILK, _HYBRID, _CELT = (480, 960, 1920, 2880), (480, 960), (120, 240, 480, 960)
_FRAME_SAMPLES = (*_SILK * 3, *_HYBRID * 2, *_CELT * 4)


def packet_samples(data: bytes) -> int:
    """Samples of a packet at 48 kHz (RFC 6716, section 3.2); 0 for what is no packet."""
    if not data:
        return 0
    frames = (1, 2, 2, data[1] & 0x3F if len(data) > 1 else 0)[data[0] & 3]
    return frames * _FRAME_SAMPLES[data[0] >> 3]


def pre_skip(head: bytes) -> int:
    """Samples at 48 kHz that are decoded and not heard (RFC 7845, section 5.1); ``head`` is ``OpusHead``."""
    return int.from_bytes(head[10:12], "little") if head.startswith(b"OpusHead") else 0
