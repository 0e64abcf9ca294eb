"""Damage ends a conversion, with a word about where it is: what is done unless the client wants to have what there is."""

from __future__ import annotations

from av import FFmpegError
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from soundmill.engine.damage import Damage
from soundmill.engine.reading.indexed import IndexedSound
from soundmill.engine.reading.judge import (
    MOST_EDGE_ERRORS,
    Heard,
    is_bare,
    is_harmless_at_end,
    missing_samples,
    no_sound,
)
from soundmill.engine.reading.source import Source
from soundmill.engine.reading.timeline import Timeline
from soundmill.engine.text import exact_clock
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.sound import Hole


class Refusing:
    """Implements :class:`~soundmill.engine.reading.judge.Judge`: one place that is damaged, and there is no result."""

    holes: tuple[Hole, ...] = ()

    def __init__(self, source: Source, heard: Heard) -> None:
        self._source = source
        self._heard = heard
        self._errors_since_sound = 0
        self._first_broken_byte: int | None = None
        self._timeline = Timeline(source, heard)
        self._leap: ConversionError | None = None
        self._index = IndexedSound.of(source)

    def packet(self, packet: Packet[AudioStream]) -> None:
        """See :class:`~soundmill.engine.reading.judge.Judge`."""
        if self._index is not None:
            self._index.add(packet)
        self._timeline.packet(packet)
        if self._timeline.has_asf_gap_before(packet):
            raise self._damaged(f"the next packet is late: {packet.pts}", packet.pos)

    def broken(self, packet: Packet[AudioStream]) -> None:
        """See :class:`~soundmill.engine.reading.judge.Judge`."""
        self._errors_since_sound += 1
        if self._first_broken_byte is None:
            self._first_broken_byte = packet.pos

    def stopped(self, error: FFmpegError) -> None:
        """See :class:`~soundmill.engine.reading.judge.Judge`."""
        raise self._damaged(str(error)) from error

    def before(self, frame: AudioFrame) -> tuple[()]:
        """See :class:`~soundmill.engine.reading.judge.Judge`. Sound that follows on errors: harmless only where the stream begins."""
        if self._errors_since_sound:
            at_start = not self._heard.sample_rate and is_bare(self._source.kind)
            if not at_start or self._errors_since_sound > MOST_EDGE_ERRORS:
                raise self._damaged(f"{self._errors_since_sound} packets", self._first_broken_byte)
            self._errors_since_sound, self._first_broken_byte = 0, None
        if self._timeline.tells_of_losses and self._leap is None:
            self._note_leap(frame)
        return ()

    def end(self) -> None:
        """See :class:`~soundmill.engine.reading.judge.Judge`."""
        if not self._heard.sample_rate:
            raise no_sound(self._source, self._errors_since_sound)
        if not is_harmless_at_end(self._source, self._errors_since_sound):
            raise self._damaged(f"{self._errors_since_sound} packets at the end", self._first_broken_byte)
        if self._leap is not None and self._source.declared_samples != self._heard.sample_count:
            raise self._leap
        if self._index is not None and (seconds := self._index.left_out_at(self._heard.seconds)) is not None:
            raise Damage(seconds, None, False, "chunks of the index that aren't there").error()
        check_declared(self._source, self._heard.sample_count, self._heard.sample_rate)

    def _note_leap(self, frame: AudioFrame) -> None:
        """Whether it is the time that is wrong is known at the end."""
        if not self._timeline.begin(frame) and self._timeline.is_loss(self._timeline.leap_before(frame)):
            self._leap = self._damaged(f"the next frame is at {frame.time} s")

    def _damaged(self, detail: str, byte: int | None = None) -> ConversionError:
        place = None if byte is None else self._source.section.begin + byte
        return Damage(self._heard.seconds, place, False, detail).error()


def check_declared(source: Source, sample_count: int, sample_rate: int) -> None:
    """Raises ``ConversionError`` with ``DAMAGED_INPUT`` where the file says that it holds more samples a channel than came out."""
    missing = missing_samples(source, sample_count, sample_rate)
    if missing:
        declared = sample_count + missing
        told, holds = exact_clock(declared / sample_rate), exact_clock(sample_count / sample_rate)
        if told == holds:
            told, holds = f"{declared:,} samples", f"{sample_count:,}"
        raise ConversionError(
            FailureCode.DAMAGED_INPUT,
            f"The file ends early: it declares {told} but holds {holds}.",
            detail_for_log=f"declared {declared} samples, decoded {sample_count}",
        )
