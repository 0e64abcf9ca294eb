"""A result in Opus is compared with what its encoder gave: such packets tell by themselves what they decode to."""

from __future__ import annotations

from soundmill.engine.codecs import opus
from soundmill.engine.comparing.compared import Sounding, SoundPacket
from soundmill.engine.comparing.sent import Sent
from soundmill.engine.reading.source import Source


class EncodedOpus:
    """Implements :class:`~soundmill.engine.comparing.listener.Listener` with the packets of an encoder of mono or stereo."""

    def __init__(self, head: bytes) -> None:
        """``head`` is what the encoder says to decoders before its first packet: ``OpusHead``."""
        self._head = head
        self._sent = Sent()
        self._are_packets = opus.holds_one_stream(head)

    def add(self, packet: SoundPacket) -> None:
        """The next packet, before a muxer takes it."""
        data = memoryview(packet)
        samples = opus.packet_samples(data)
        self._are_packets &= samples > 0
        self._sent.add(packet, data, samples)

    def hear(self, result: Source) -> Sounding | None:
        """See :class:`~soundmill.engine.comparing.listener.Listener`."""
        context = result.stream.codec_context
        if not self._are_packets or context.name != "opus" or context.extradata != self._head:
            return None
        return self._sent.heard_in(result)
