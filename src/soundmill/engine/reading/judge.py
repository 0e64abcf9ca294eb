"""What must be decided about damage that shows while a source is decoded, and what it is decided by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from av import FFmpegError
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from soundmill.engine.containers.declared import shortfall_allowed
from soundmill.engine.containers.part import BARE_KINDS
from soundmill.engine.damage import Damage
from soundmill.engine.reading.source import Source
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.sound import Hole

# Streams of bare frames: what was cut out of something longer begins and ends inside a frame, and tags may stand at the end.
_BARE_STREAMS = BARE_KINDS | {"mp3", "aac", "mpegts", "mpeg", "flv", "avi", "ogg"}
# Uncompressed: a last block that isn't whole is judged by the count of samples.
_COUNTED_BLOCKS = frozenset({"wav", "w64", "aiff", "caf", "au"})
MOST_EDGE_ERRORS = 200
_MOST_OF_BLOCKS = 1  # the last one, which isn't whole


@dataclass(slots=True)
class Heard:
    """What has come out of a decoder so far; its form is that of the first frame."""

    seconds: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    channel_layout: str = ""

    @property
    def sample_count(self) -> int:
        """Samples per channel, at the first frame's rate."""
        return round(self.seconds * self.sample_rate)


class Judge(Protocol):
    """Is told everything that a decoding meets, in order. Each method may raise ``ConversionError`` with ``DAMAGED_INPUT``."""

    @property
    def holes(self) -> tuple[Hole, ...]:
        """What is lost, once the sound has ended."""
        ...

    def packet(self, packet: Packet[AudioStream]) -> None:
        """The next packet, before it is decoded."""
        ...

    def broken(self, packet: Packet[AudioStream]) -> None:
        """Nothing, or not all, came out of this one."""
        ...

    def stopped(self, error: FFmpegError) -> None:
        """Nothing more can be read."""
        ...

    def before(self, frame: AudioFrame) -> Iterable[AudioFrame]:
        """What shall be heard before the frame that comes now."""
        ...

    def end(self) -> None:
        """The sound has ended."""
        ...


def missing_samples(source: Source, sample_count: int, sample_rate: int) -> int:
    """How many samples a channel fewer than declared there are, beyond what is no sign of damage."""
    declared = source.declared_samples
    if declared is None:
        return 0
    missing = declared - sample_count
    packet_samples = source.stream.codec_context.frame_size or 0
    allowed = shortfall_allowed(source.kind, sample_rate, packet_samples, is_plain=_is_plain(source))
    return missing if missing > allowed else 0


def is_bare(kind: str) -> bool:
    """True for streams that may begin inside a frame, which can't be decoded then."""
    return kind in _BARE_STREAMS


def is_harmless_at_end(source: Source, errors: int) -> bool:
    """True when so many packets that can't be decoded are no sign of damage behind the last sound."""
    is_judged_otherwise = source.kind in _BARE_STREAMS or (source.kind in _COUNTED_BLOCKS and _is_plain(source))
    return errors <= (
        MOST_EDGE_ERRORS if is_judged_otherwise else _MOST_OF_BLOCKS if source.kind in _COUNTED_BLOCKS else 0
    )


def is_counted_block(kind: str) -> bool:
    """True where a packet may end with a part of a sample without being damaged: its samples are counted."""
    return kind in _COUNTED_BLOCKS


def _is_plain(source: Source) -> bool:
    return bool(source.stream.codec_context.name.startswith("pcm_"))


def no_sound(source: Source, errors: int) -> ConversionError:
    """What to raise for a source of which nothing was heard."""
    if errors or source.declared_samples:
        return Damage(0.0, None, False, f"{errors} packets").error()
    return ConversionError(FailureCode.NO_AUDIO, "This file holds no sound: its audio is empty.")
