"""A long sound in pieces: how each goes to an encoder in another process, and how its packets come back."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import BinaryIO

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec.context import CodecContext

from soundmill.engine.encode import apply_settings
from soundmill.engine.flac import renumbered
from soundmill.engine.plan import Plan

_PIECE = struct.Struct("<QIII?")
_PACKETS = struct.Struct("<QI")
_PACKET = struct.Struct("<qIII")


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames of PCM in the encoder's sample format, plane after plane. ``first`` is the first one's number in the whole sound.

    All have ``frame_samples`` samples a channel but the last, which has ``last_samples``.
    """

    first: int
    frame_samples: int
    last_samples: int
    is_last: bool
    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class CodedPacket:
    """One packet as the encoder gave it; ``skip_samples`` is FFmpeg's side data of that name, or nothing."""

    pts: int
    duration: int
    data: bytes
    skip_samples: bytes = b""


def write_piece(file: BinaryIO, piece: Piece) -> None:
    """The inverse of :func:`read_piece`."""
    file.write(_PIECE.pack(piece.first, piece.frame_samples, piece.last_samples, len(piece.frames), piece.is_last))
    for frame in piece.frames:
        file.write(len(frame).to_bytes(4, "little"))
        file.write(frame)
    file.flush()


def read_piece(file: BinaryIO) -> Piece | None:
    """The next piece; ``None`` when there is none any more."""
    head = file.read(_PIECE.size)
    if not head:
        return None
    first, frame_samples, last_samples, count, is_last = _PIECE.unpack(head)
    frames = tuple(file.read(int.from_bytes(file.read(4), "little")) for _ in range(count))
    return Piece(first, frame_samples, last_samples, is_last, frames)


def write_packets(file: BinaryIO, first: int, packets: list[CodedPacket]) -> None:
    """The inverse of :func:`read_packets`."""
    file.write(_PACKETS.pack(first, len(packets)))
    for each in packets:
        file.write(_PACKET.pack(each.pts, each.duration, len(each.data), len(each.skip_samples)))
        file.write(each.data)
        file.write(each.skip_samples)
    file.flush()


def read_packets(file: BinaryIO) -> tuple[int, list[CodedPacket]]:
    """The number of the piece's first frame, and its packets. Raises ``EOFError`` when the other end is gone."""
    first, count = _PACKETS.unpack(_exactly(file, _PACKETS.size))
    packets = []
    for _ in range(count):
        pts, duration, size, skip_size = _PACKET.unpack(_exactly(file, _PACKET.size))
        packets.append(CodedPacket(pts, duration, _exactly(file, size), _exactly(file, skip_size)))
    return first, packets


def encode_piece(plan: Plan, piece: Piece) -> list[CodedPacket]:
    """The packets of ``piece``, by an encoder that begins with it. Only the last piece is encoded to the very end."""
    context = CodecContext.create(plan.encoder, "w")
    if not isinstance(context, AudioCodecContext):
        raise TypeError(f"{plan.encoder} doesn't encode sound")
    context.sample_rate = plan.sample_rate
    context.time_base = Fraction(1, plan.sample_rate)
    apply_settings(context, plan)
    packets = []
    for frame in (*_frames(plan, piece), *((None,) if piece.is_last else ())):
        for packet in context.encode(frame):
            skip = bytes(packet.get_sidedata("skip_samples")) if packet.has_sidedata("skip_samples") else b""
            packets.append(CodedPacket(packet.pts or 0, packet.duration or 0, bytes(packet), skip))
    if plan.encoder == "flac":
        # The very last one has no sound: it only tells the muxer what STREAMINFO says.
        sounding = (each for each in packets if each.data)
        packets = [
            replace(each, data=renumbered(each.data, number)) for number, each in enumerate(sounding, piece.first)
        ]
    return packets


def pcm(frame: AudioFrame) -> bytes:
    """The samples of a frame, plane after plane, without what FFmpeg fills up its buffers with."""
    samples = frame.samples * (1 if frame.format.is_planar else frame.layout.nb_channels)
    return b"".join(memoryview(plane)[: samples * frame.format.bytes] for plane in frame.planes)


def _frames(plan: Plan, piece: Piece) -> Iterator[AudioFrame]:
    for number, data in enumerate(piece.frames, 1):
        samples = piece.last_samples if number == len(piece.frames) else piece.frame_samples
        frame = AudioFrame(plan.sample_format, plan.channel_layout, samples)
        frame.sample_rate = plan.sample_rate
        frame.time_base = Fraction(1, plan.sample_rate)
        frame.pts = (piece.first + number - 1) * piece.frame_samples
        size = len(data) // len(frame.planes)
        for index, plane in enumerate(frame.planes):
            plane.update(data[index * size : (index + 1) * size].ljust(plane.buffer_size, b"\0"))
        yield frame


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError
    return data
