"""When frames are to be heard by the times that a file gives them, against what was heard until then."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from soundmill.engine.containers.continuity import breaks
from soundmill.engine.containers.sniff import MATROSKA
from soundmill.engine.reading.judge import Heard
from soundmill.engine.reading.source import Source

LONGEST_LEAP_SECONDS = 3600.0
"""A time that leaves out more is itself damaged; so is one that lies behind the file's end."""

_BEHIND_THE_END_SECONDS = 1.0
# A decoder holds back a frame or two, of up to 2,048 samples each.
_LONGEST_ASF_GAP_SECONDS = 0.15
# Decoders that give nothing of a packet, which may be two seconds, before the next one comes.
_A_PACKET_LATE = frozenset({"wmalossless"})
# Times in ASF, Matroska and FLV are in milliseconds; those of Vorbis go by packets, whose halves overlap (2,048 samples at most); whoever
# broadcasts brings sound and picture together again by less than this.
_ROUNDED_SECONDS = {"asf": 0.05, MATROSKA: 0.0015, "flv": 0.0015, "ogg": 0.03, "mpegts": 0.05}

# What FFmpeg leaves out of these, and says nothing: FLAC's frames with a wrong checksum; packets of MPEG-TS that don't follow on another.
# Up to so many seconds: what was recorded later, or cut out of a broadcast, is longer than what a receiver loses.
_SILENT_LOSSES = {"flac": LONGEST_LEAP_SECONDS, "mpegts": 10.0}
# The sender's clock and that of the sound differ, and time leaps in what was recorded in pieces: each frame is compared with the last.
_BY_ANOTHER_CLOCK = frozenset({"mpegts"})
# Their packets are counted, too: what is missing is told by less, where one is missing. Times are in units of 1/90,000 s.
_COUNTED_PACKETS = frozenset({"mpegts"})
_SMALLEST_COUNTED_SECONDS = 0.002


class Timeline:
    """Begins with the first frame that has a time."""

    def __init__(self, source: Source, heard: Heard) -> None:
        self._source = source
        self._heard = heard
        self.tells_of_losses = source.kind in _SILENT_LOSSES
        """True where nothing but time may tell of sound that is missing."""
        self._unit_seconds = float(source.stream.time_base)
        self._starts_at: float | None = None
        self._packets_start_at: float | None = None
        self._packet_before_at = 0.0
        self._byte_before = self._byte = -1

    def packet(self, packet: Packet[AudioStream]) -> None:
        """The next one, before its frames come."""
        if self._source.kind in _COUNTED_PACKETS and packet.pos is not None and packet.pos != self._byte:
            self._byte_before, self._byte = self._byte, packet.pos

    def leap_before(self, frame: AudioFrame) -> float:
        """By how many seconds ``frame``, each in its turn, is later than it would be if nothing were lost; 0 where that can't be believed."""
        if frame.time is None:
            return 0.0
        leap = self._leap_before(frame, frame.time)
        if self._source.kind in _BY_ANOTHER_CLOCK:
            self.set(frame)
        return leap

    def _leap_before(self, frame: AudioFrame, time: float) -> float:
        leap = time - (self._starts_at or 0.0) - self._heard.seconds
        end = self._source.expected_seconds
        is_behind_the_end = end is not None and self._heard.seconds + leap > end + _BEHIND_THE_END_SECONDS
        if leap > LONGEST_LEAP_SECONDS or is_behind_the_end:
            return 0.0
        smallest = _ROUNDED_SECONDS.get(self._source.kind, 0.5 / frame.sample_rate)
        if leap <= smallest and leap > _SMALLEST_COUNTED_SECONDS and self._source.kind in _COUNTED_PACKETS:
            before, there = (bisect_right(self._breaks, each) for each in (self._byte_before, self._byte))
            return leap if before < there else 0.0
        return leap if leap > smallest else 0.0

    @cached_property
    def _breaks(self) -> list[int]:
        with self._source.part() as file:
            return breaks(file, self._source.stream.id)

    def is_loss(self, leap: float) -> bool:
        """True where a ``leap`` means that sound is missing, even if no packet is broken."""
        return 0 < leap <= _SILENT_LOSSES.get(self._source.kind, 0)

    def begin(self, frame: AudioFrame) -> bool:
        """True for frames up to the first that has a time: it is that of its place."""
        if self._starts_at is not None:
            return False
        self.set(frame)
        return True

    def set(self, frame: AudioFrame) -> None:
        """``frame`` is heard now, and what follows accordingly."""
        if frame.time is not None:
            self._starts_at = frame.time - self._heard.seconds

    def has_asf_gap_before(self, packet: Packet[AudioStream]) -> bool:
        """ASF's packets have a fixed size: FFmpeg goes on with the next behind a broken one, and says nothing."""
        if self._source.kind != "asf" or packet.pts is None:
            return False
        at = packet.pts * self._unit_seconds
        if self._packets_start_at is None:
            self._packets_start_at = self._packet_before_at = at
        before, self._packet_before_at = self._packet_before_at, at
        ought_to_be_heard = before if self._source.stream.codec_context.name in _A_PACKET_LATE else at
        return ought_to_be_heard - self._packets_start_at - self._heard.seconds > _LONGEST_ASF_GAP_SECONDS
