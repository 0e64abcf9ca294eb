"""A copy is compared with what was copied, whose packets were decoded on their way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from soundmill.engine.compared import (
    END_PACKETS,
    FEWEST_PACKETS,
    Sounding,
    SoundPacket,
    bare_data,
    ends,
    heard_at,
    is_cut,
)
from soundmill.engine.hearing import can_be_heard_in_stretches
from soundmill.engine.source import Source
from soundmill.engine.trace import Trace


@dataclass(slots=True)
class Copied:
    """Implements :class:`~soundmill.engine.verify.Listener` with what went into a copy.

    Of each packet it is known to how many samples a channel it was decoded.
    """

    source: Source
    trace: Trace = field(default_factory=Trace)
    samples: int = 0
    begin: list[int] = field(default_factory=list)
    end: deque[int] = field(default_factory=lambda: deque(maxlen=END_PACKETS))
    first_cut: int | None = None
    """The first packet behind the begin that isn't heard whole."""
    _bare: Callable[[SoundPacket], memoryview] = field(init=False)

    def __post_init__(self) -> None:
        self._bare = bare_data(self.source)

    def add(self, packet: SoundPacket, samples: int) -> None:
        """The next packet, before a muxer takes it."""
        if len(self.begin) < END_PACKETS:
            self.begin.append(samples)
        else:
            self.end.append(samples)
            if self.first_cut is None and is_cut(packet):
                self.first_cut = self.trace.count
        self.trace.add(self._bare(packet))
        self.samples += samples

    def hear(self, result: Source) -> Sounding | None:
        """What ``result`` decodes to, if it has these very packets. Nothing where only decoding all of it could tell."""
        source = self.source.stream.codec_context
        context = result.stream.codec_context
        # Vorbis in Ogg is cut by granules, which stand beside its packets.
        is_known = context.name == source.name != "vorbis" and can_be_heard_in_stretches(result)
        # AAC's is the one that ADTS hasn't: its headers say the same.
        is_alike = context.name == "aac" or (context.extradata or b"") == (source.extradata or b"")
        if not (is_known and is_alike and self._is_heard_between_its_ends):
            return None
        found = heard_at(result, [self.trace], ends(self.trace.count))
        if found is not None:
            found.sample_count += self.samples - sum(self.begin) - sum(self.end)
        return found

    @property
    def _is_heard_between_its_ends(self) -> bool:
        count = self.trace.count
        return count >= FEWEST_PACKETS and (self.first_cut is None or self.first_cut >= count - END_PACKETS)
