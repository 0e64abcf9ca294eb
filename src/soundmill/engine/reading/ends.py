"""Where a sound begins and ends inside its packets: some containers tell it, and FFmpeg doesn't heed it, or heeds it twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags2
from av.packet import Packet

from soundmill.engine.codecs import opus
from soundmill.engine.codecs.musepack import musepack_bounds, musepack_rest
from soundmill.engine.codecs.packets import side_data
from soundmill.engine.containers.sniff import MOV
from soundmill.engine.containers.wave import told_sample_count
from soundmill.engine.pcm.planes import cut
from soundmill.engine.reading.source import Source

_KNOW_THEIR_LENGTH = frozenset({"alac", "flac"})
_SHARED_BLOCKS = ("adpcm_", "gsm_")


def told_bounds(source: Source) -> range | None:
    """Which samples a channel are to be heard of those that are decoded, where only the frames can be cut to it."""
    name = source.stream.codec_context.name
    if source.kind == "caf" and name in _KNOW_THEIR_LENGTH:
        return None if source.declared_samples is None else range(source.declared_samples)
    if source.kind in ("mpc", "mpc8"):
        with source.part() as file:
            return musepack_bounds(file)
    if source.kind == "wav" and name.startswith(_SHARED_BLOCKS):
        with source.part() as file:
            told = told_sample_count(file)
        return None if told is None else range(told)
    return None


def told_rest(source: Source) -> bytes:
    """A packet behind the last one, where a decoder keeps a part of the sound until it gets one."""
    if source.kind != "mpc":
        return b""
    with source.part() as file:
        return musepack_rest(file)


class Bounded:
    """A decoder for the packets of one stream, of which the samples in ``bounds`` are to be heard."""

    def __init__(self, stream: AudioStream, bounds: range, rest: bytes) -> None:
        """``stream`` has decoded nothing yet; it decodes the ``rest`` behind all packets."""
        # A packet of ALAC in CAF is as short as its sound, and FFmpeg would cut off once more what lacks to the usual length.
        stream.codec_context.flags2 |= Flags2.skip_manual
        self._bounds = bounds
        self._decoded = 0
        self._rest: list[Packet[AudioStream]] = []
        if rest:
            packet = cast("Packet[AudioStream]", Packet(rest))
            packet.stream, packet.time_base = stream, stream.time_base
            self._rest.append(packet)

    def decode(self, packet: Packet[AudioStream]) -> list[AudioFrame]:
        """Raises ``av.FFmpegError``."""
        heard = []
        rest = [] if packet.size else self._rest
        for frame in chain.from_iterable(each.decode() for each in (*rest, packet)):
            begin = max(0, self._bounds.start - self._decoded)
            end = min(frame.samples, self._bounds.stop - self._decoded)
            self._decoded += frame.samples
            if begin < end:
                heard.append(cut(frame, begin, end))
        return heard


def ends_by_durations(source: Source) -> bool:
    """True for Opus in MP4, which has no other way to say that the last packet isn't to be heard whole (Encapsulation of Opus in ISO BMFF, section 4.4)."""
    context = source.stream.codec_context
    is_exact = source.kind == MOV and source.stream.time_base.denominator == opus.RATE
    return is_exact and context.name in ("opus", "libopus")


def decode_timed(packet: Packet[AudioStream]) -> Sequence[AudioFrame]:
    """Of packets whose lengths are told, too. What was never written, or was lost, is zeros: a shorter packet to FFmpeg.

    Raises ``av.FFmpegError``.
    """
    data = memoryview(packet)
    if data and not data[0] and opus.told_samples(data) < (packet.duration or 0):
        raise av.InvalidDataError(0, "shorter than is told")
    return packet.decode()


def with_end(packets: Iterable[Packet[AudioStream]]) -> Iterator[Packet[AudioStream]]:
    """The same, the last one with what decoders and muxers understand where it is shorter than it decodes to."""
    held = None
    for packet in packets:
        if held is not None:
            yield held if packet.size else _ended(held)
        held = packet
    if held is not None:
        yield held


def _ended(packet: Packet[AudioStream]) -> Packet[AudioStream]:
    surplus = opus.told_samples(memoryview(packet)) - (packet.duration or 0)
    if packet.duration and surplus > 0 and not packet.has_sidedata("skip_samples"):
        packet.set_sidedata(side_data("skip_samples", bytes(4) + surplus.to_bytes(4, "little") + bytes(2)))
    return packet
