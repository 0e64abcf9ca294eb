"""Vorbis by libsndfile, which gives files: what is encoded in memory is taken apart into packets that know their places."""

from __future__ import annotations

from collections.abc import Buffer, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer

from soundmill.engine.codecs.packets import CodedPacket
from soundmill.engine.plan import Plan
from soundmill.engine.writing.vorbis import WRITE_SAMPLES, VorbisWriter

_IDENTIFICATION = b"\x01vorbis"
_BLOCK_SIZES_AT = 28
_FADE_SAMPLES = 16_384


@contextmanager
def template(plan: Plan) -> Iterator[AudioStream]:
    """A stream with the headers that every encode by ``plan`` has."""
    silence = bytes(4 * plan.channels * WRITE_SAMPLES)
    with _opened(plan, silence) as container:
        yield container.streams.audio[0]


def vorbis_packets(plan: Plan, pcm: Buffer, begins_at: int, *, is_last: bool) -> list[CodedPacket]:
    """The packets of packed 32-bit float samples, of which the first has the number ``begins_at``.

    A packet's time is that of the first sample that is complete with it (Vorbis I, section 4.3.8), so the first one's is before
    the sound. Only the last piece of a sound ends with its samples. One from the middle is faded in: taken for a transient, its begin
    would say where blocks are.
    """
    packed = memoryview(_faded_in(pcm, plan.channels) if begins_at else pcm)
    with _opened(plan, packed) as container:
        stream = container.streams.audio[0]
        sizes = _block_sizes(bytes(stream.codec_context.extradata or b""))
        datas = [bytes(packet) for packet in container.demux(stream) if packet.size]
    packets = list(_placed(datas, sizes, begins_at))
    end = begins_at + len(packed) // (4 * plan.channels)
    return [_cut_off(each, end) for each in packets] if is_last else packets


def is_long(packet: bytes) -> bool:
    """True for a long block, where there are two sizes: libvorbis has a mode for each (sections 4.2.4 and 4.3.1)."""
    return bool(packet[0] & 2)


def next_is_long(packet: bytes) -> bool:
    """For a long block: that of the window which it fades into."""
    return bool(packet[0] & 8)


def _faded_in(pcm: Buffer, channels: int) -> Buffer:
    samples = np.frombuffer(pcm, np.float32).reshape(-1, channels).copy()
    ramp = np.linspace(0, 1, min(_FADE_SAMPLES, len(samples)), dtype=np.float32)
    samples[: len(ramp)] *= ramp[:, np.newaxis]
    return samples.data.cast("B")


@contextmanager
def _opened(plan: Plan, pcm: Buffer) -> Iterator[InputContainer]:
    file = BytesIO()
    writer = VorbisWriter(file, plan)
    packed, most = memoryview(pcm), 4 * plan.channels * WRITE_SAMPLES
    for at in range(0, len(packed), most):
        writer.write(packed[at : at + most])
    writer.close()
    file.seek(0)
    with av.open(file, "r", format="ogg") as container:
        yield container


def _block_sizes(headers: bytes) -> tuple[int, int]:
    """Of short and long blocks, from the identification header (section 4.2.2)."""
    exponents = headers[headers.index(_IDENTIFICATION) + _BLOCK_SIZES_AT]
    return 1 << (exponents & 15), 1 << (exponents >> 4)


def _placed(datas: list[bytes], sizes: tuple[int, int], begins_at: int) -> Iterator[CodedPacket]:
    before, at = 0, begins_at
    for data in datas:
        size = sizes[is_long(data)]
        # The first block only fades in.
        length = (before + size) // 4 if before else size // 2
        yield CodedPacket(at if before else at - length, length, data)
        at += length if before else 0
        before = size


def _cut_off(packet: CodedPacket, end: int) -> CodedPacket:
    """The last block ends behind the sound."""
    return replace(packet, duration=max(0, min(packet.duration, end - packet.pts)))
