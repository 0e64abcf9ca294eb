"""Decoders that may begin in the middle of a stream, and how one is opened for packets whose file isn't at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import av
from av.audio.codeccontext import AudioCodecContext
from av.codec.context import CodecContext

BROKEN_PACKET = (
    av.InvalidDataError,
    av.PatchWelcomeError,
    av.PermissionError,
    av.ArgumentError,
    av.UndefinedError,
)
"""How FFmpeg's decoders say that a packet is none, or more than they can; AAC's by each of these, one of which is no error that FFmpeg knows."""

PRE_ROLLS = {"flac": 0, "alac": 0, "mp3float": 12, "opus": 4, "libopus": 4, "vorbis": 1, "aac": 2}
"""Those that give a frame for each packet at once, and how many packets bring one to the state that it has midway.

Layer III's reservoir reaches back 511 bytes: 11 frames at 8 kbit/s. Opus converges in 80 ms (RFC 7845, section 4.6). AAC overlaps with
the frame before (ISO/IEC 14496-3, section 4.6.11).
"""


OF_MANY_LENGTHS = frozenset({"vorbis"})
"""Those whose packets decode to different numbers of samples, which the packets tell by themselves."""


@dataclass(frozen=True, slots=True)
class DecoderSetup:
    """What a decoder must know before its first packet. The container may know ``layout`` better than the codec."""

    name: str
    options: Mapping[str, str]
    layout: str
    extradata: bytes

    def opened(self) -> AudioCodecContext:
        """A decoder that has met no packet yet."""
        context = CodecContext.create(self.name, "r")
        if not isinstance(context, AudioCodecContext):
            raise TypeError(f"{self.name} doesn't decode sound")
        context.extradata = self.extradata
        context.layout = self.layout
        context.options = dict(self.options)
        context.thread_count = 1
        return context
