"""AAC as FFmpeg's encoder makes it: what a frame's windows are, and an encoder that begins in the middle of a sound."""

from __future__ import annotations

from typing import NamedTuple

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.packet import Packet
from av.stream import Stream

_SINGLE_CHANNEL, _CHANNEL_PAIR, _FILL = 0, 1, 6
_HEAD_BYTES = 64  # more than FFmpeg's name takes, which fills the begin of some frames
_HURRIED_SHARE = 2


class Windows(NamedTuple):
    """A frame's ``window_sequence`` and ``window_shape``: the frame that follows must overlap with these."""

    sequence: int
    shape: int


def windows(frame: bytes) -> Windows | None:
    """The windows of all channels of a raw data block (ISO/IEC 14496-3, section 4.4.2.1).

    ``None`` where they don't stand in front of the spectrum: channels of a pair that have different ones, more than two channels; or
    behind more filling than FFmpeg's name takes.
    """
    head, at, end = int.from_bytes(frame[:_HEAD_BYTES].ljust(_HEAD_BYTES, b"\0")), 0, 8 * _HEAD_BYTES

    def read(bits: int) -> int:
        nonlocal at
        at += bits
        return head >> max(0, end - at) & (1 << bits) - 1

    while (element := read(3)) == _FILL and at < end:
        count = read(4)
        read(8 * (count if count < 15 else 14 + read(8)))
    read(4)  # element_instance_tag
    if element == _SINGLE_CHANNEL:
        read(8)  # global_gain
    elif element != _CHANNEL_PAIR or not read(1):  # common_window
        return None
    read(1)  # ics_reserved_bit
    found = Windows(read(2), read(1))
    return found if at <= end else None


class DrainedEncoder:
    """FFmpeg's AAC encoder with its bit reservoir empty, as it is after 10 to 20 s of sound.

    It begins with a full one, and what it may spend then makes its rate control coarser: at the same bit rate the squared error is up
    to 5 dB larger. A higher bit rate for a moment spends all of it. The packets of the first frame given, and some after it, are waste.
    """

    def __init__(self, context: AudioCodecContext) -> None:
        """Open ``context``, which has its settings."""
        context.open()
        self._context, self._bit_rate = context, context.bit_rate or 0
        context.bit_rate = _HURRIED_SHARE * self._bit_rate

    def encode(self, frame: AudioFrame | None) -> list[Packet[Stream]]:
        """See :meth:`av.audio.codeccontext.AudioCodecContext.encode`."""
        packets = self._context.encode(frame)
        self._context.bit_rate = self._bit_rate
        return packets
