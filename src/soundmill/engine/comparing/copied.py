"""A copy is compared with what was copied, whose packets were decoded on their way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from soundmill.engine.codecs.decoders import PRE_ROLLS
from soundmill.engine.comparing.compared import Sounding, SoundPacket, bare_data
from soundmill.engine.comparing.sent import Sent
from soundmill.engine.reading.source import Source
from soundmill.model.conversion import ConversionError


@dataclass(slots=True)
class Copied:
    """Implements :class:`~soundmill.engine.comparing.listener.Listener` with what went into a copy."""

    source: Source
    _sent: Sent = field(default_factory=Sent)
    _bare: Callable[[SoundPacket], memoryview] = field(init=False)

    def __post_init__(self) -> None:
        self._bare = bare_data(self.source)

    def add(self, packet: SoundPacket, samples: int) -> None:
        """The next packet, before a muxer takes it, and to how many samples a channel it was decoded."""
        self._sent.add(packet, self._bare(packet), samples)

    def hear(self, result: Source) -> Sounding | None:
        """See :class:`~soundmill.engine.comparing.listener.Listener`."""
        source = self.source.stream.codec_context
        context = result.stream.codec_context
        # Vorbis in Ogg is cut by granules, which stand beside its packets.
        is_known = context.name == source.name != "vorbis" and context.name in PRE_ROLLS
        # AAC's is the one that ADTS hasn't: its headers say the same.
        is_alike = context.name == "aac" or (context.extradata or b"") == (source.extradata or b"")
        try:
            return self._sent.heard_in(result) if is_known and is_alike else None
        except ConversionError:
            return None  # some muxers put something into packets; decoding all of it tells whether it is the same sound
