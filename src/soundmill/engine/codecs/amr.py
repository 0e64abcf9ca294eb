"""Pauses in AMR (3GPP TS 26.101, 26.201; RFC 4867, section 5): FFmpeg's decoders know no frames without speech."""

from __future__ import annotations

from collections.abc import Iterator

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from soundmill.engine.pcm.silence import silence

_FRAME_SAMPLES = {"amrnb": 160, "amrwb": 320}
# By their numbers, in bytes: what describes the noise behind speech, and those that hold nothing.
_WITHOUT_SPEECH = {"amrnb": {8: 6, 9: 7, 10: 6, 11: 6, 15: 1}, "amrwb": {9: 6, 14: 1, 15: 1}}

CODECS = frozenset(_FRAME_SAMPLES)
"""FFmpeg's names."""


class Pausing:
    """A decoder for the packets of one stream, in which nothing is heard of such frames."""

    def __init__(self, stream: AudioStream) -> None:
        """``stream`` has one of :data:`CODECS`."""
        name = stream.codec_context.name
        self._samples, self._silent = _FRAME_SAMPLES[name], _WITHOUT_SPEECH[name]
        self._count = 0

    def decode(self, packet: Packet[AudioStream]) -> list[AudioFrame]:
        """Raises ``av.FFmpegError``."""
        if not packet.size or self._silent.get(memoryview(packet)[0] >> 3 & 15) != packet.size:
            return packet.decode()
        self._count += 1
        context = packet.stream.codec_context
        pause = silence((context.sample_rate, context.layout.name, context.format.name), self._samples)
        pause.pts, pause.time_base = packet.pts, packet.time_base
        return [pause]

    def losses(self) -> Iterator[str]:
        """What isn't heard, named for people."""
        if self._count:
            yield f"the noise in pauses of speech ({self._count} frames without speech are silent)"
