"""Decode a source to its end, and know exactly what came out and where it was broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from soundmill.engine.declared import shortfall_allowed
from soundmill.engine.loudness import LoudnessMeter
from soundmill.engine.source import Source, check_sound
from soundmill.engine.text import clock, exact_clock
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.sound import Loudness

# Streams of bare frames: what was cut out of something longer begins and ends inside a frame, and tags may stand at the end.
_BARE_STREAMS = frozenset({"mp3", "aac", "ac3", "eac3", "dts", "mpegts", "mpeg", "flv", "avi", "ogg"})
# Uncompressed: a last block that isn't whole is judged by the count of samples.
_COUNTED_BLOCKS = frozenset({"wav", "w64", "aiff", "caf", "au"})
_MOST_EDGE_ERRORS = 200
# A decoder holds back a frame or two, of up to 2,048 samples each.
_LONGEST_ASF_GAP_SECONDS = 0.15


class Decoding:
    """One pass over a source. After :meth:`frames` ended, the counts are those of the whole file."""

    def __init__(self, source: Source, longest: timedelta, meter: LoudnessMeter | None = None) -> None:
        """``meter`` hears all of it, if there is one."""
        self._source = source
        self._meter = meter
        self._longest_seconds = longest.total_seconds()
        self._errors_since_sound = 0
        self._begins_at: float | None = None
        self.seconds = 0.0
        self.sample_rate = 0
        self.channels = 0
        self.channel_layout = ""
        self.sample_format = ""
        self.loudness: Loudness | None = None

    @property
    def sample_count(self) -> int:
        """Samples per channel so far, at the first frame's rate."""
        return round(self.seconds * self.sample_rate)

    def frames(
        self,
        on_position: Callable[[float], None] = lambda seconds: None,
        on_packet: Callable[[Packet[AudioStream], int], None] = lambda packet, samples: None,
    ) -> Iterator[AudioFrame]:
        """Every decoded frame; ``on_position`` gets the seconds decoded so far, once a packet.

        ``on_packet`` gets each packet that the decoder took, which it may keep or use up, and how many samples came out.

        Raises ``ConversionError``: ``DAMAGED_INPUT``, ``NO_AUDIO``, ``TOO_LONG``.
        """
        for frame in self._decoded(on_position, on_packet):
            if self._errors_since_sound:
                self._judge_errors_before_sound()
            self._count(frame)
            if self._meter is not None:
                self._meter.add(frame)
            yield frame
        self._judge_end()
        if self._meter is not None:
            self.loudness = self._meter.result()

    def _decoded(
        self, on_position: Callable[[float], None], on_packet: Callable[[Packet[AudioStream], int], None]
    ) -> Iterator[AudioFrame]:
        try:
            for packet in self._source.container.demux(self._source.stream):
                self._judge_gap(packet.pts)
                try:
                    decoded = packet.decode()
                except av.InvalidDataError:
                    self._errors_since_sound += 1
                    continue
                if packet.is_corrupt and self._source.kind not in _COUNTED_BLOCKS:
                    self._errors_since_sound += 1
                on_position(self.seconds)
                if packet.size:  # the last one only tells the decoder that no more will come
                    on_packet(packet, sum(each.samples for each in decoded))
                yield from decoded
        except MemoryError:
            raise
        except av.FFmpegError as error:
            raise self._damaged(str(error)) from error

    def _judge_gap(self, pts: int | None) -> None:
        """ASF's packets have a fixed size: FFmpeg goes on with the next behind a broken one, and says nothing."""
        if self._source.kind != "asf" or pts is None:
            return
        at = float(pts * self._source.stream.time_base)
        if self._begins_at is None:
            self._begins_at = at
        if at - self._begins_at - self.seconds > _LONGEST_ASF_GAP_SECONDS:
            raise self._damaged(f"the next packet is at {at:.3f} s")

    def _count(self, frame: AudioFrame) -> None:
        if not self.sample_rate:
            check_sound(frame.sample_rate, frame.layout.nb_channels)
            self.sample_rate = frame.sample_rate
            self.channels = frame.layout.nb_channels
            self.channel_layout = frame.layout.name
            self.sample_format = frame.format.name
        self.seconds += frame.samples / frame.sample_rate
        if self.seconds > self._longest_seconds:
            raise ConversionError(
                FailureCode.TOO_LONG,
                f"The file holds more than the {clock(self._longest_seconds)} of sound that are allowed.",
            )

    def _judge_errors_before_sound(self) -> None:
        """Sound follows on errors: harmless only where the stream begins."""
        at_start = not self.sample_rate and self._source.kind in _BARE_STREAMS
        if not at_start or self._errors_since_sound > _MOST_EDGE_ERRORS:
            raise self._damaged(f"{self._errors_since_sound} packets")
        self._errors_since_sound = 0

    def _judge_end(self) -> None:
        if not self.sample_rate:
            if self._errors_since_sound or self._source.declared_samples:
                raise self._damaged(f"{self._errors_since_sound} packets")
            raise ConversionError(FailureCode.NO_AUDIO, "This file holds no sound: its audio is empty.")
        kind = self._source.kind
        at_edge = kind in _BARE_STREAMS | _COUNTED_BLOCKS and self._errors_since_sound <= _MOST_EDGE_ERRORS
        if self._errors_since_sound and not at_edge:
            raise self._damaged(f"{self._errors_since_sound} packets at the end")
        check_declared(self._source, self.sample_count, self.sample_rate)

    def _damaged(self, detail: str) -> ConversionError:
        return damaged(self.seconds, detail)


def check_declared(source: Source, sample_count: int, sample_rate: int) -> None:
    """Raises ``ConversionError`` with ``DAMAGED_INPUT`` where the file says that it holds more samples a channel than came out."""
    declared = source.declared_samples
    if declared is not None and sample_count + shortfall_allowed(source.kind, sample_rate) < declared:
        raise ConversionError(
            FailureCode.DAMAGED_INPUT,
            f"The file ends early: it declares {exact_clock(declared / sample_rate)} "
            f"but holds {exact_clock(sample_count / sample_rate)}.",
            detail_for_log=f"declared {declared} samples, decoded {sample_count}",
        )


def damaged(seconds: float, detail: str) -> ConversionError:
    """For sound that is good up to ``seconds``."""
    return ConversionError(
        FailureCode.DAMAGED_INPUT, f"The file is damaged after {clock(seconds)}.", detail_for_log=detail
    )
