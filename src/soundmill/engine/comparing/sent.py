"""Packets that went into a file are looked for in it: what each decodes to was known before."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from soundmill.engine.codecs.trace import Trace
from soundmill.engine.comparing.compared import (
    END_PACKETS,
    FEWEST_PACKETS,
    Sounding,
    SoundPacket,
    ends,
    heard_at,
    is_cut,
)
from soundmill.engine.reading.source import Source


@dataclass(slots=True)
class Sent:
    """All that is kept of them doesn't grow with their number."""

    trace: Trace = field(default_factory=Trace)
    samples: int = 0
    begin: list[int] = field(default_factory=list)
    end: deque[int] = field(default_factory=lambda: deque(maxlen=END_PACKETS))
    first_cut: int | None = None
    """The first packet behind the begin that isn't heard whole."""

    def add(self, packet: SoundPacket, data: memoryview, samples: int) -> None:
        """The next packet, before a muxer takes it: its bytes in any container, and how many samples a channel it decodes to."""
        if len(self.begin) < END_PACKETS:
            self.begin.append(samples)
        else:
            self.end.append(samples)
            if self.first_cut is None and is_cut(packet):
                self.first_cut = self.trace.count
        self.trace.add(data)
        self.samples += samples

    def heard_in(self, result: Source) -> Sounding | None:
        """What ``result`` decodes to. Nothing where only decoding all of it could tell.

        Raises ``ConversionError`` with ``DAMAGED_INPUT`` where it has other packets.
        """
        count = self.trace.count
        if count < FEWEST_PACKETS or (self.first_cut is not None and self.first_cut < count - END_PACKETS):
            return None
        found = heard_at(result, [self.trace], ends(count))
        if found is not None:
            found.sample_count += self.samples - sum(self.begin) - sum(self.end)
        return found
