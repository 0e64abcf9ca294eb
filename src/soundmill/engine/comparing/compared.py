"""A file is compared with packets that were decoded before: decoding them once more would tell nothing new.

Only at some places it can be heard otherwise: at its ends, where containers differ in what they let be heard, or where packets of two encoders
meet. There it is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import av
from av.audio.stream import AudioStream
from av.packet import Packet

from soundmill.engine.codecs.packets import skip_samples
from soundmill.engine.codecs.trace import Trace
from soundmill.engine.damage import Damage
from soundmill.engine.reading.source import Source

type SoundPacket = Packet[AudioStream]

END_PACKETS = 32
"""More than any encoder's delay or padding reaches over: 1,105 samples of MP3, 80 ms of Opus."""
PRE_ROLL_PACKETS = 16
"""They bring a decoder that begins in the middle into its state: see :data:`soundmill.engine.codecs.decoders.PRE_ROLLS`."""
FEWEST_PACKETS = 2 * END_PACKETS + PRE_ROLL_PACKETS
"""With fewer, there is little between the ends."""

_LONGEST_ADTS_HEADER = 9
_NOWHERE = range(1 << 62, 1 << 62)


@dataclass(slots=True)
class Sounding:
    """What a file decodes to, or a part of it."""

    sample_rate: int
    channels: int
    channel_layout: str
    sample_count: int = 0
    loudness: None = None
    holes: tuple[()] = ()

    @property
    def form(self) -> tuple[int, int, str]:
        """Rate, channels and their layout."""
        return self.sample_rate, self.channels, self.channel_layout


def ends(count: int) -> list[range]:
    """The first and the last ones of so many packets."""
    return [range(END_PACKETS), range(count - END_PACKETS, count)]


def heard_at(result: Source, known: Sequence[Trace], places: Sequence[range]) -> Sounding | None:
    """What the packets at ``places``, which are in order, decode to. The decoder begins a few packets before each.

    Nothing where one can't be decoded, or one elsewhere isn't to be heard whole. Raises ``ConversionError`` with ``DAMAGED_INPUT`` where
    the packets of ``result`` aren't those ``known``, run by run: they may decode, but it is another sound.
    """
    listening, bare = _Listening(result, places), bare_data(result)
    lengths = iter([each.count for each in known])
    traces, length = [Trace()], next(lengths, 0)
    try:
        for packet in sounding_packets(result):
            if traces[-1].count == length:
                traces.append(Trace())
                length = next(lengths, 0)
            traces[-1].add(bare(packet))
            if not listening.add(packet):
                return None
        found = listening.finished()
    except av.FFmpegError:
        return None
    if traces != list(known):
        raise Damage(0, None, False, "it has other packets than were put into it").error()
    return found


def sounding_packets(source: Source) -> Iterator[SoundPacket]:
    """Those of its one sound, without the one that only tells the decoder that no more will come."""
    return (packet for packet in source.container.demux(source.stream) if packet.size)


def is_cut(packet: SoundPacket) -> bool:
    """True where not all of it is to be heard."""
    return packet.is_discard or bool(skip_samples(packet))


def bare_data(source: Source) -> Callable[[SoundPacket], memoryview]:
    """Gives a packet's bytes, without headers that only one container has."""
    return _Unwrapped() if has_adts(source) else memoryview


def has_adts(source: Source) -> bool:
    """True where packets of AAC have ADTS's headers."""
    return source.kind == "aac" or (source.kind == "mpegts" and source.stream.codec_context.name == "aac")


class _Unwrapped:
    """ADTS has a header in each packet (ISO/IEC 14496-3, section 1.A.3): syncword to channel configuration are the same in a whole stream."""

    def __init__(self) -> None:
        self._header = b""

    def __call__(self, packet: SoundPacket) -> memoryview:
        data = memoryview(packet)
        if data.nbytes < _LONGEST_ADTS_HEADER:
            return data
        fixed = bytes([data[0], data[1], data[2], data[3] & 0xF0])
        self._header = self._header or fixed
        if fixed != self._header:
            return data  # which no other container has
        return data[7 if data[1] & 1 else _LONGEST_ADTS_HEADER :]


class _Listening:
    """Decodes what stands at some places of a stream that comes by."""

    def __init__(self, source: Source, places: Iterable[range]) -> None:
        self._context = source.stream.codec_context
        self._places = iter(places)
        self._place = next(self._places, _NOWHERE)
        self._number = 0
        self._heard: Sounding | None = None

    def add(self, packet: SoundPacket) -> bool:
        """The next one; False where it is none that can be left undecoded."""
        number, place = self._number, self._place
        self._number += 1
        if number < place.start - PRE_ROLL_PACKETS:
            return not (packet.is_corrupt or is_cut(packet))
        if number and number == place.start - PRE_ROLL_PACKETS:
            self._context.flush_buffers()
        is_wanted = number >= place.start
        is_whole = is_wanted or not is_cut(packet)
        is_alike = self._decoded(packet, is_wanted=is_wanted)
        if self._number == place.stop:
            self._place = next(self._places, _NOWHERE)
        return is_whole and is_alike and not packet.is_corrupt

    def finished(self) -> Sounding | None:
        """What was heard; no more will come."""
        self._decoded(None, is_wanted=True)
        return self._heard

    def _decoded(self, packet: SoundPacket | None, *, is_wanted: bool) -> bool:
        for frame in self._context.decode(packet):
            found = Sounding(frame.sample_rate, frame.layout.nb_channels, frame.layout.name)
            self._heard = self._heard or found
            if found.form != self._heard.form:
                return False
            if is_wanted:
                self._heard.sample_count += frame.samples
        return True
