"""A piece of sound is decoded, or counted, where it was encoded: its packets need go nowhere for that, and no other core waits for them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import repeat
from typing import Any

from av.audio.frame import AudioFrame
from av.packet import Packet
from av.stream import Stream
from zlib_ng.zlib_ng import crc32

from soundmill.engine.codecs import opus
from soundmill.engine.codecs.decoders import BROKEN_PACKET, OF_MANY_LENGTHS, DecoderSetup
from soundmill.engine.codecs.packets import Packets
from soundmill.engine.codecs.trace import Trace
from soundmill.engine.pcm.planes import planes
from soundmill.engine.reading.counting import Counting


@dataclass(frozen=True, slots=True)
class Checked:
    """What the packets of a piece decode to, by a decoder that begins with them.

    Each decodes to ``samples`` a channel, or to its own duration where they have different ones, but those with the numbers ``others``,
    counted from the piece's first. ``checksum`` is the CRC-32 of its PCM in the decoder's own format, frame after frame. ``trace`` tells
    which packets these are.
    """

    samples: int | None
    others: Sequence[int]
    broken: int
    form: tuple[int, int, str]
    """Sample rate, channels and their layout."""
    checksum: int
    trace: Trace

    def as_head(self) -> dict[str, Any]:
        """For a message."""
        return asdict(self)

    @classmethod
    def from_head(cls, head: dict[str, Any]) -> Checked:
        """The inverse of :meth:`as_head`."""
        return cls(**{**head, "form": tuple(head["form"]), "trace": Trace(**head["trace"])})


def check(packets: Packets, setup: DecoderSetup, *, is_compared: bool) -> Checked:
    """Decode ``packets``, or count what tells its length by itself. The PCM's checksum is only counted where it ``is_compared``."""
    checking = _Checking(setup, is_compared=is_compared)
    for each in packets.for_ffmpeg():
        checking.add(each)
    return checking.finished(packets)


class _Checking:
    def __init__(self, setup: DecoderSetup, *, is_compared: bool) -> None:
        # Opus tells by itself what it decodes to, and a decoder finds nothing more wrong with it.
        is_counted = setup.name == "opus" and opus.holds_one_stream(setup.extradata) and not is_compared
        self._decode = Counting(setup.layout).decode if is_counted else setup.opened().decode
        self._is_compared = is_compared
        self._are_alike = setup.name not in OF_MANY_LENGTHS
        self._counts = array("I")
        self._form: tuple[int, int, str] | None = None
        self._checksum = self._broken = 0

    def add(self, packet: Packet[Stream]) -> None:
        samples = 0
        try:
            for frame in self._decode(packet):
                samples += frame.samples
                self._look_at(frame)
        except BROKEN_PACKET:
            self._broken += 1
        self._counts.append(samples)

    def finished(self, packets: Packets) -> Checked:
        samples, lengths = None, iter(packets.durations)
        if self._are_alike:
            samples = self._counts[len(self._counts) // 2] if self._counts else 0
            lengths = repeat(samples, len(self._counts))
        pairs = enumerate(zip(self._counts, lengths, strict=True))
        others = [number for number, (count, length) in pairs if count != length]
        return Checked(samples, others, self._broken, self._form or (0, 0, ""), self._checksum, packets.trace)

    def _look_at(self, frame: AudioFrame) -> None:
        form = frame.sample_rate, frame.layout.nb_channels, frame.layout.name
        self._form = self._form or form
        self._broken += form != self._form
        if self._is_compared:
            for plane in planes(frame):
                self._checksum = crc32(plane, self._checksum)
