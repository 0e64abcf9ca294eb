"""Everything that can be decoded of a damaged source, each part of it when it should be heard."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from av import FFmpegError
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from soundmill.engine.containers.part import BARE_KINDS, ID3_KINDS
from soundmill.engine.pcm.silence import form_of, silence
from soundmill.engine.reading.indexed import IndexedSound
from soundmill.engine.reading.judge import Heard, is_bare, is_harmless_at_end, missing_samples, no_sound
from soundmill.engine.reading.source import Source
from soundmill.engine.reading.timeline import LONGEST_LEAP_SECONDS, Timeline
from soundmill.engine.text import exact_clock
from soundmill.model.sound import Hole

_MOST_HOLES = 200
_MOST_TOLD = 10
# Nothing but the order of packets says when they are heard: what a broken one took with it is told by its bytes. No whole
# frame of MP3 and ADTS is larger than this (ISO/IEC 11172-3: 1,441 bytes; 14496-3: 768 a channel): the rest of such a packet is
# junk. Of the others FFmpeg finds the next frame, and leaves out what stands before it.
_TIMELESS = ID3_KINDS | BARE_KINDS
_LARGEST_TIMELESS_BYTES = 768 * 8
# What a header says of the length in milliseconds, with an encoder's delay or without.
_SAME_LENGTH_SECONDS = 0.05


class Salvaging:
    """Implements :class:`~soundmill.engine.reading.judge.Judge`: sound that is lost becomes silence where its length is known.

    It is known by the time of what follows; in bare frames, which have none, by how many bytes can't be read.
    """

    def __init__(self, source: Source, heard: Heard) -> None:
        self._source = source
        self._heard = heard
        self._timeline = Timeline(source, heard)
        self._is_timeless = source.kind in _TIMELESS
        self._is_bare_frames = source.kind in BARE_KINDS
        self._largest_bytes = _LARGEST_TIMELESS_BYTES if source.kind in ID3_KINDS else sys.maxsize
        self._next_byte = sys.maxsize
        self._believes_leaps = source.damage is not None
        self._errors = 0
        self._is_stopped = False
        self._broken_bytes = self._good_bytes = self._packet_bytes = 0
        self._holes: list[Hole] = []
        self._index = IndexedSound.of(source)

    @property
    def holes(self) -> tuple[Hole, ...]:
        """See :class:`~soundmill.engine.reading.judge.Judge`."""
        return tuple(self._holes)

    def packet(self, packet: Packet[AudioStream]) -> None:
        """See :class:`~soundmill.engine.reading.judge.Judge`."""
        if self._index is not None:
            self._index.add(packet)
        self._timeline.packet(packet)
        if self._is_bare_frames and packet.pos is not None:
            if packet.pos > self._next_byte:
                self._errors += 1
                self._broken_bytes += packet.pos - self._next_byte
            self._next_byte = packet.pos + packet.size
        self._packet_bytes = packet.size
        self._good_bytes += min(packet.size, self._largest_bytes)
        if self._timeline.has_asf_gap_before(packet):
            self._errors += 1

    def broken(self, packet: Packet[AudioStream]) -> None:
        """See :class:`~soundmill.engine.reading.judge.Judge`."""
        self._errors += 1
        self._good_bytes -= min(packet.size, self._largest_bytes)
        self._broken_bytes += packet.size

    def stopped(self, error: FFmpegError) -> None:
        """See :class:`~soundmill.engine.reading.judge.Judge`."""
        self._is_stopped = True

    def before(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """See :class:`~soundmill.engine.reading.judge.Judge`."""
        if self._is_timeless:
            if self._errors or self._packet_bytes > self._largest_bytes:
                yield from self._mended(frame, self._lost_by_bytes(frame))
            return
        is_at_begin = not self._errors and self._timeline.begin(frame)
        leap = self._timeline.leap_before(frame)
        is_lost = self._timeline.is_loss(leap) or (self._believes_leaps and leap > 0)
        if (self._errors and frame.time is not None) or (is_lost and not is_at_begin):
            yield from self._mended(frame, round(leap * frame.sample_rate))

    def end(self) -> None:
        """See :class:`~soundmill.engine.reading.judge.Judge`."""
        heard, damage = self._heard, self._source.damage
        if not heard.sample_rate:
            raise no_sound(self._source, self._errors + self._is_stopped)
        left_out_at = None if self._index is None else self._index.left_out_at(heard.seconds)
        if left_out_at is not None and not self._holes:
            self._note(left_out_at, None, filled=False)
        missing = self._missing_seconds()
        if missing:
            self._note(heard.seconds, missing, filled=False)
        elif self._is_stopped or not is_harmless_at_end(self._source, self._errors):
            self._note(heard.seconds, None, filled=False)
        elif damage and not self._holes:
            seconds = None if damage.at_end else damage.seconds
            self._note(heard.seconds if seconds is None else min(seconds, heard.seconds), None, filled=False)

    def _mended(self, frame: AudioFrame, lost: int) -> Iterator[AudioFrame]:
        """Silence of ``lost`` samples, in pieces of a second at most."""
        if self._heard.sample_rate or not is_bare(self._source.kind):
            self._note(self._heard.seconds, lost / frame.sample_rate if lost else None, filled=bool(lost))
            for begin in range(0, lost, frame.sample_rate):
                yield silence(form_of(frame), min(frame.sample_rate, lost - begin))
        self._errors = self._broken_bytes = 0
        self._timeline.set(frame)

    def _lost_by_bytes(self, frame: AudioFrame) -> int:
        """Samples, in whole frames, at the mean bit rate until then."""
        size = self._source.stream.codec_context.frame_size or frame.samples
        broken = self._broken_bytes + max(0, self._packet_bytes - self._largest_bytes)
        if self._good_bytes <= 0 or not self._heard.seconds:
            return size
        seconds = min(broken * self._heard.seconds / self._good_bytes, LONGEST_LEAP_SECONDS)
        return max(1, round(seconds * frame.sample_rate / size)) * size

    def _missing_seconds(self) -> float:
        """At the end, against what the file declares; of a file that is cut off an estimate does."""
        heard = self._heard
        missing = missing_samples(self._source, heard.sample_count, heard.sample_rate) / heard.sample_rate
        damage, expected = self._source.damage, self._source.expected_seconds
        if missing or not damage or not damage.at_end or expected is None:
            return missing
        missing = expected - heard.seconds
        return missing if missing > _SAME_LENGTH_SECONDS else 0.0

    def _note(self, at: float, lost: float | None, *, filled: bool) -> None:
        if len(self._holes) < _MOST_HOLES:
            self._holes.append(Hole(round(at, 6), None if lost is None else round(lost, 6), filled))


def told(holes: tuple[Hole, ...]) -> tuple[str, ...]:
    """What was lost, in words for people."""
    shown = tuple(_told(each) for each in holes[:_MOST_TOLD])
    more = len(holes) - _MOST_TOLD
    return (*shown, f"sound at {more} more damaged places") if more > 0 else shown


def _told(hole: Hole) -> str:
    begin = exact_clock(hole.at)
    if hole.filled and hole.lost is not None:
        return f"sound from {begin} to {exact_clock(hole.at + hole.lost)} (damaged: silence stands there)"
    if hole.lost is not None:
        return f"sound after {begin} ({hole.lost:.3f} s less than the file declares)"
    return f"sound at {begin} (damaged: it isn't known how much is missing)"
