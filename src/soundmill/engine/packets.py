"""Coded packets on their way between an encoder, a decoder and a container."""

from __future__ import annotations

from collections.abc import Buffer, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from av.packet import Packet, PacketSideData, PktSideDataT, packet_sidedata_type_from_literal
from av.stream import Stream

_SKIP_SAMPLES: Literal["skip_samples"] = "skip_samples"


@dataclass(frozen=True, slots=True)
class CodedPacket:
    """One packet. Times count in its stream's time base; ``skip_samples`` is FFmpeg's side data of that name, or nothing."""

    pts: int
    duration: int
    data: bytes
    skip_samples: bytes = b""


def coded(packet: Packet[Any]) -> CodedPacket:
    """``packet`` as a value."""
    return CodedPacket(packet.pts or 0, packet.duration or 0, bytes(packet), skip_samples(packet))


def skip_samples(packet: Packet[Any]) -> bytes:
    """What of a packet isn't heard, as FFmpeg's side data of that name (AV_PKT_DATA_SKIP_SAMPLES of ``libavcodec/packet.h``) says it; nothing of most."""
    # Asking for it by its name takes PyAV three times as long.
    for each in packet.iter_sidedata():
        if each.data_type == _SKIP_SAMPLES:
            return bytes(each)
    return b""


def samples_cut_off(skip: bytes) -> int:
    """At the packet's end, of what :func:`skip_samples` gave."""
    return int.from_bytes(skip[4:8], "little")


def samples_not_begun(skip: bytes) -> int:
    """At the packet's begin, likewise."""
    return int.from_bytes(skip[:4], "little")


def for_ffmpeg(packet: CodedPacket) -> Packet[Stream]:
    """The inverse of :func:`coded`."""
    made: Packet[Stream] = Packet(packet.data)
    made.pts = made.dts = packet.pts
    made.duration = packet.duration
    made.is_keyframe = True
    if packet.skip_samples:
        made.set_sidedata(side_data(_SKIP_SAMPLES, packet.skip_samples))
    return made


def side_data(kind: PktSideDataT, data: bytes) -> PacketSideData:
    """Something for the decoder or the muxer that goes along with a packet."""
    made = PacketSideData(packet_sidedata_type_from_literal(kind), len(data))  # type: ignore[call-arg]
    made.update(data)
    return made


def table(packets: Sequence[CodedPacket]) -> dict[str, Any]:
    """All but the data, for the head of a message whose parts are the data."""
    return {
        "times": [(each.pts, each.duration) for each in packets],
        "skips": {number: each.skip_samples.hex() for number, each in enumerate(packets) if each.skip_samples},
    }


def from_table(head: dict[str, Any], parts: Iterable[Buffer]) -> list[CodedPacket]:
    """The inverse of :func:`table`."""
    skips = {int(number): bytes.fromhex(skip) for number, skip in head["skips"].items()}
    return [
        CodedPacket(pts, duration, bytes(data), skips.get(number, b""))
        for number, ((pts, duration), data) in enumerate(zip(head["times"], parts, strict=True))
    ]
