"""Decode a source to its end, and know exactly what came out and where it was broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from soundmill.engine.codecs.decoders import BROKEN_PACKET
from soundmill.engine.pcm.loudness import Meter
from soundmill.engine.pcm.peaks import PeakMeter
from soundmill.engine.plan import Plan
from soundmill.engine.reading.chain import LinkBegin, link_losses, sound_links
from soundmill.engine.reading.judge import Heard, Judge, is_counted_block
from soundmill.engine.reading.refuse import Refusing
from soundmill.engine.reading.salvage import Salvaging
from soundmill.engine.reading.source import Source, check_sound
from soundmill.engine.shaping.finite import STORED_AS_THEY_ARE, Finite
from soundmill.engine.text import clock
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.options import ConversionOptions
from soundmill.model.sound import Hole, Loudness


class Decoding:
    """One pass over a source. After :meth:`frames` ended, the counts are those of the whole file."""

    def __init__(
        self,
        source: Source,
        longest: timedelta,
        meter: Meter | None = None,
        *,
        peaks: PeakMeter | None = None,
        salvages: bool = False,
        counts: bool = False,
    ) -> None:
        """``meter`` and ``peaks`` get all of it, where they are given. Damage is refused, unless this ``salvages`` what there is besides.

        ``counts`` where frames are only wanted for how many samples they have.
        """
        self._source = source
        self._meter = meter
        self._peaks = peaks
        self._is_heard = not counts or meter is not None or peaks is not None
        self._longest_seconds = longest.total_seconds()
        self._heard = Heard()
        self._judge: Judge = (Salvaging if salvages else Refusing)(source, self._heard)
        self._finite = Finite() if source.stream.codec_context.name in STORED_AS_THEY_ARE else None
        self._undecoded: list[str] = []
        self.loudness: Loudness | None = None
        self.links: list[LinkBegin] = []
        """Those that were reached."""

    @property
    def seconds(self) -> float:
        """Decoded so far."""
        return self._heard.seconds

    @property
    def sample_count(self) -> int:
        """Samples per channel so far, at the first frame's rate."""
        return self._heard.sample_count

    @property
    def sample_rate(self) -> int:
        """Of the first frame, in hertz; 0 before it."""
        return self._heard.sample_rate

    @property
    def channels(self) -> int:
        """Of the first frame."""
        return self._heard.channels

    @property
    def channel_layout(self) -> str:
        """FFmpeg's name of the first frame's."""
        return self._heard.channel_layout

    @property
    def holes(self) -> tuple[Hole, ...]:
        """What damage took away, at the end."""
        return self._judge.holes

    def losses(self, plan: Plan, options: ConversionOptions) -> Iterator[str]:
        """What ``plan`` has no place for, although it was decoded; named for people."""
        yield from link_losses(self.links, plan, options)
        yield from self._undecoded
        if self._finite is not None:
            yield from self._finite.losses(plan, options)

    def frames(
        self,
        on_position: Callable[[float], None] = lambda seconds: None,
        on_packet: Callable[[Packet[AudioStream], int], None] | None = None,
    ) -> Iterator[AudioFrame]:
        """Every decoded frame; ``on_position`` gets the seconds decoded so far, once a packet.

        ``on_packet`` gets each packet that the decoder took, which it may keep or use up, and how many samples came out.

        Raises ``ConversionError``: ``DAMAGED_INPUT``, ``NO_AUDIO``, ``TOO_LONG``.
        """
        yield from self._decoded(on_position, on_packet)
        self._judge.end()
        if self._meter is not None:
            self.loudness = self._meter.result()

    def _decoded(
        self, on_position: Callable[[float], None], on_packet: Callable[[Packet[AudioStream], int], None] | None
    ) -> Iterator[AudioFrame]:
        """Each packet of each file comes by here, some hundred thousand in an hour: one loop, and few calls in it."""
        judge, heard = self._judge, self._heard
        try:
            for link in sound_links(self._source, is_heard=self._is_heard):
                begins_at, decode = heard.seconds, link.decode
                self.links.append(link.begin(begins_at))
                for packet in link.packets():
                    judge.packet(packet)
                    try:
                        decoded = decode(packet)
                    except BROKEN_PACKET:
                        judge.broken(packet)
                        continue
                    if packet.is_corrupt and not is_counted_block(self._source.kind):
                        judge.broken(packet)
                    on_position(heard.seconds)
                    # The last one only tells the decoder that no more will come.
                    if on_packet is not None and packet.size:
                        on_packet(packet, sum([each.samples for each in decoded]))
                    for frame in decoded:
                        if begins_at and frame.pts is not None:
                            frame.pts += round(begins_at / frame.time_base)
                        for silent in judge.before(frame):
                            yield self._counted(silent)
                        yield self._counted(frame)
                self._undecoded += link.losses()
        except MemoryError:
            raise
        except av.FFmpegError as error:
            judge.stopped(error)

    def _counted(self, frame: AudioFrame) -> AudioFrame:
        heard = self._heard
        if not heard.sample_rate:
            check_sound(frame.sample_rate, frame.layout.nb_channels)
            heard.sample_rate = frame.sample_rate
            heard.channels = frame.layout.nb_channels
            heard.channel_layout = frame.layout.name
        heard.seconds += frame.samples / frame.sample_rate
        if heard.seconds > self._longest_seconds:
            raise ConversionError(
                FailureCode.TOO_LONG,
                f"The file holds more than the {clock(self._longest_seconds)} of sound that are allowed.",
            )
        if self._finite is not None:
            self._finite.mend(frame)
        if self._source.words is not None:
            self._source.words.blank(frame)
        if self._meter is not None:
            self._meter.add(frame)
        if self._peaks is not None:
            self._peaks.add(frame)
        return frame
