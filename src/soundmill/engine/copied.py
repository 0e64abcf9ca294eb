"""A copy is compared with what was copied, whose packets were decoded on their way: decoding them once more would tell nothing new.

Only at its ends containers differ in what they let be heard, so these are decoded again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Buffer
from dataclasses import dataclass, field
from zlib import crc32

import av
from av.audio.stream import AudioStream
from av.packet import Packet

from soundmill.engine.hearing import Sounding, can_be_heard_in_stretches
from soundmill.engine.packets import skip_samples
from soundmill.engine.source import Source

type _SoundPacket = Packet[AudioStream]

# More than any encoder's delay or padding reaches over: 1,105 samples of MP3, 80 ms of Opus.
_END_PACKETS = 32
# They bring a decoder that begins in the middle into its state: see the pre-rolls in hearing.py.
_PRE_ROLL_PACKETS = 16
_LONGEST_ADTS_HEADER = 9


@dataclass(slots=True)
class Trace:
    """What is left of packets that came by: the same for the same packets, and as much for many as for few."""

    is_adts: bool
    count: int = 0
    checksum: int = 0
    first_skip: int | None = None
    """The first packet behind the begin that isn't heard whole."""
    header: bytes = b""

    def add(self, packet: _SoundPacket) -> None:
        """The next packet, as its container has it."""
        if self.count >= _END_PACKETS and self.first_skip is None and _is_cut(packet):
            self.first_skip = self.count
        data: Buffer = packet
        size = packet.size
        if self.is_adts:
            data = self._without_header(memoryview(packet))
            size = data.nbytes
        # Sizes go in beside the bytes: a call for them by themselves takes as long as one for a packet.
        self.checksum = crc32(data, self.checksum ^ size)
        self.count += 1

    @property
    def is_heard_between_its_ends(self) -> bool:
        """True where no packet of the middle, which there is, is cut."""
        is_long = self.count >= 2 * _END_PACKETS + _PRE_ROLL_PACKETS
        return is_long and (self.first_skip is None or self.first_skip >= self.count - _END_PACKETS)

    def _without_header(self, data: memoryview) -> memoryview:
        """ISO/IEC 14496-3, section 1.A.3: syncword to channel configuration are the same in a whole stream."""
        if data.nbytes < _LONGEST_ADTS_HEADER:
            return data
        fixed = bytes([data[0], data[1], data[2], data[3] & 0xF0])
        self.header = self.header or fixed
        if fixed != self.header:
            return data  # which no other container has
        return data[7 if data[1] & 1 else _LONGEST_ADTS_HEADER :]


@dataclass(slots=True)
class Copied:
    """Implements :class:`~soundmill.engine.verify.Listener` with what went into a copy.

    Of each packet it is known to how many samples a channel it was decoded.
    """

    source: Source
    trace: Trace = field(init=False)
    samples: int = 0
    begin: list[int] = field(default_factory=list)
    end: deque[int] = field(default_factory=lambda: deque(maxlen=_END_PACKETS))

    def __post_init__(self) -> None:
        self.trace = _trace(self.source)

    def add(self, packet: _SoundPacket, samples: int) -> None:
        """The next packet, before a muxer takes it."""
        self.trace.add(packet)
        self.samples += samples
        if len(self.begin) < _END_PACKETS:
            self.begin.append(samples)
        else:
            self.end.append(samples)

    def hear(self, result: Source) -> Sounding | None:
        """What ``result`` decodes to, if it has these very packets. Nothing where only decoding all of it could tell."""
        source = self.source.stream.codec_context
        context = result.stream.codec_context
        # Vorbis in Ogg is cut by granules, which stand beside its packets.
        is_known = context.name == source.name != "vorbis" and can_be_heard_in_stretches(result)
        # AAC's is the one that ADTS hasn't: its headers say the same.
        is_alike = context.name == "aac" or (context.extradata or b"") == (source.extradata or b"")
        if not (is_known and is_alike and self.trace.is_heard_between_its_ends):
            return None
        try:
            begin, end, trace = _heard_ends(result)
        except av.FFmpegError:
            return None
        if (trace.count, trace.checksum) != (self.trace.count, self.trace.checksum):
            return None
        if not trace.is_heard_between_its_ends:
            return None
        form = begin.sample_rate, begin.channels, begin.channel_layout
        count = self.samples - sum(self.begin) - sum(self.end) + begin.sample_count + end
        return Sounding(*form, sample_count=count)


def _heard_ends(result: Source) -> tuple[Sounding, int, Trace]:
    """What the first packets decode to, how many samples a channel the last ones do, and a trace of all."""
    trace = _trace(result)
    begin: Sounding | None = None
    last: deque[_SoundPacket] = deque(maxlen=_PRE_ROLL_PACKETS + _END_PACKETS)
    for packet in result.container.demux(result.stream):
        if not packet.size:
            continue
        trace.add(packet)
        if trace.count > _END_PACKETS:
            last.append(packet)
            continue
        for frame in packet.decode():
            begin = begin or Sounding(frame.sample_rate, frame.layout.nb_channels, frame.layout.name)
            begin.sample_count += frame.samples
    if begin is None:
        raise av.InvalidDataError(0, "nothing decodes")
    context = result.stream.codec_context
    context.flush_buffers()
    samples = [sum(each.samples for each in packet.decode()) for packet in last]
    rest = sum(each.samples for each in context.decode(None))
    return begin, sum(samples[_PRE_ROLL_PACKETS:]) + rest, trace


def _trace(source: Source) -> Trace:
    return Trace(source.kind == "aac")


def _is_cut(packet: _SoundPacket) -> bool:
    return packet.is_discard or bool(skip_samples(packet))
