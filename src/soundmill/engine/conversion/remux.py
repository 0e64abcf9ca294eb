"""The same sound in another container: packets are copied, nothing is encoded anew."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from soundmill.engine.codecs import flac, opus
from soundmill.engine.codecs.mpeg import adts_blocks, mpeg_header
from soundmill.engine.codecs.packets import samples_cut_off, skip_samples
from soundmill.engine.comparing.compared import has_adts
from soundmill.engine.comparing.copied import Copied
from soundmill.engine.containers.sniff import MATROSKA
from soundmill.engine.pcm.planes import planes
from soundmill.engine.plan import Plan
from soundmill.engine.reading.decode import Decoding
from soundmill.engine.reading.source import Source
from soundmill.engine.tags.about import About
from soundmill.engine.writing.mux import Muxer

type _SoundPacket = Packet[AudioStream]
type _Retime = Callable[[_SoundPacket, int], None]

# In milliseconds, or on the clock of 90 kHz that MPEG's systems have.
_TIMED_WITHOUT_SAMPLES = frozenset({MATROSKA, "flv", "mpegts"})
_FIXED_FRAMES = frozenset({"aac", "mp3"})


class NotCopyable(Exception):
    """These packets can't stand in that container as they are: the sound must be encoded anew."""


def copy_sound(
    path: Path, source: Source, decoding: Decoding, plan: Plan, about: About, on_position: Callable[[float], None]
) -> Copied:
    """Copy the packets of ``source`` to ``path``, and decode them on the way: what is damaged is found as in a conversion.

    Gives what was copied, for verifying the copy. Raises ``ConversionError`` as :meth:`Decoding.frames` does, and ``NotCopyable``.
    """

    def add_sound(container: OutputContainer) -> AudioStream:
        return container.add_stream_from_template(source.stream)

    with _REFUSALS:
        muxer = Muxer(path, plan, about, add_sound)
    retime, copied, digest = _clock(source), Copied(source), _Digest(source)
    is_unwrapped = has_adts(source) and plan.muxer != "adts"
    last_pts: int | None = None

    def add(packet: _SoundPacket, samples: int) -> None:
        nonlocal last_pts
        if source.kind == "mp3" and mpeg_header(bytes(memoryview(packet)[:4])) is None:
            raise NotCopyable(f"a tag between frames, at byte {packet.pos}")
        if is_unwrapped and adts_blocks(bytes(memoryview(packet)[:7])) > 1:
            raise NotCopyable(f"several blocks in a frame, which only ADTS has, at byte {packet.pos}")
        copied.add(packet, samples)
        if retime is not None:
            retime(packet, samples)
        pts = packet.pts
        if pts is None or (last_pts is not None and pts < last_pts):
            raise NotCopyable(f"a packet at {pts} follows on one at {last_pts}")
        last_pts = pts
        packet.stream = muxer.stream
        with _REFUSALS:
            muxer.add(packet)

    try:
        for frame in decoding.frames(on_position, add):
            digest.add(frame)
        if (head := digest.right_head()) is not None:
            with _REFUSALS:
                muxer.tell(head, (last_pts or 0) + 1, source.stream.time_base)
    except BaseException:
        muxer.abandon()
        raise
    with _REFUSALS:
        muxer.finish()
    return copied


class _Digest:
    """A copy of FLAC has its source's MD5, which must be that of its sound: there are programs that change one and not the other."""

    def __init__(self, source: Source) -> None:
        context = source.stream.codec_context
        self._head = context.extradata or b""
        self._told = flac.told_digest(self._head) if context.name == "flac" else None
        self._counted = None if self._told is None else flac.SoundDigest(context.bits_per_raw_sample or 16)

    def add(self, frame: AudioFrame) -> None:
        if self._counted is not None:
            for plane in planes(frame):
                self._counted.add(plane)

    def right_head(self) -> bytes | None:
        """What the copy must begin with, if not with what the source does."""
        if self._counted is None or self._counted.digest() == self._told:
            return None
        return flac.with_digest(self._head, self._counted.digest())


class _Refusals:
    """What the muxer doesn't take is no damage of the source. Once a packet: a generator would take longer than the muxer does."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, av.FFmpegError | OSError) and not isinstance(error, MemoryError):
            raise NotCopyable(str(error)) from error


_REFUSALS = _Refusals()


def _clock(source: Source) -> _Retime | None:
    """Gives packets their time in samples where the container doesn't count these, and their length is known otherwise."""
    context = source.stream.codec_context
    codec = context.name.removeprefix("lib").removesuffix("float")
    if source.kind not in _TIMED_WITHOUT_SAMPLES:
        return None
    if codec == "opus":
        start = -opus.pre_skip(context.extradata or b"")
        return _retimed(opus.RATE, start, lambda packet, samples: opus.packet_samples(memoryview(packet)))
    if codec == "vorbis":
        # A page's granule is the count of samples that are decoded with it (Vorbis I, appendix A.2): its decoder says.
        return _retimed(context.sample_rate, 0, lambda packet, samples: samples + samples_cut_off(skip_samples(packet)))
    if codec in _FIXED_FRAMES and context.frame_size:
        frame_samples = context.frame_size
        return _retimed(context.sample_rate, 0, lambda packet, samples: frame_samples)
    return None


def _retimed(rate: int, start: int, length_of: Callable[[_SoundPacket, int], int]) -> _Retime:
    position, time_base = start, Fraction(1, rate)

    def retime(packet: _SoundPacket, samples: int) -> None:
        nonlocal position
        length = length_of(packet, samples)
        packet.time_base = time_base
        packet.pts = packet.dts = position
        packet.duration = length - samples_cut_off(skip_samples(packet))
        position += length

    return retime
