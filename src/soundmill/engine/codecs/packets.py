"""Coded packets on their way between an encoder, a decoder and a container."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, Self, overload

from av.packet import Packet, PacketSideData, PktSideDataT, packet_sidedata_type_from_literal
from av.stream import Stream

from soundmill.engine.codecs.trace import Trace
from soundmill.engine.processes.messages import Message

_SKIP_SAMPLES: Literal["skip_samples"] = "skip_samples"


@dataclass(frozen=True, slots=True)
class CodedPacket:
    """One packet. Times count in its stream's time base; ``skip_samples`` is FFmpeg's side data of that name, or nothing."""

    pts: int
    duration: int
    data: bytes
    skip_samples: bytes = b""


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


def side_data(kind: PktSideDataT, data: bytes) -> PacketSideData:
    """Something for the decoder or the muxer that goes along with a packet."""
    made = PacketSideData(packet_sidedata_type_from_literal(kind), len(data))  # type: ignore[call-arg]
    made.update(data)
    return made


class Packets(Sequence[CodedPacket]):
    """Packets in a row. They lie packed: of some ten thousand in an hour, few are ever looked at.

    Slices show the same bytes.
    """

    def __init__(
        self, times: memoryview, sizes: memoryview, data: memoryview, skips: Mapping[int, bytes], first: int = 0
    ) -> None:
        """``times`` are pts and duration of each, 64 bits wide; ``sizes`` are 32 bits wide. ``skips`` count from a packet ``first`` before these."""
        self._times, self._sizes, self._data, self._skips, self._first = times, sizes, data, skips, first
        self._ends = array("Q", accumulate(sizes, initial=0))

    def __len__(self) -> int:
        return len(self._sizes)

    @overload
    def __getitem__(self, place: int) -> CodedPacket: ...

    @overload
    def __getitem__(self, place: slice) -> Self: ...

    def __getitem__(self, place: int | slice) -> CodedPacket | Self:
        if isinstance(place, slice):
            begin, end, _ = place.indices(len(self))
            data = self._data[self._ends[begin] : self._ends[max(begin, end)]]
            times, sizes = self._times[2 * begin : 2 * end], self._sizes[begin:end]
            return type(self)(times, sizes, data, self._skips, self._first + begin)
        number = range(len(self))[place]
        skip = self._skips.get(self._first + number, b"")
        return CodedPacket(self._times[2 * number], self._times[2 * number + 1], bytes(self._bytes(number)), skip)

    @property
    def data(self) -> memoryview:
        """The bytes of all, which may be changed."""
        return self._data

    @property
    def sizes(self) -> memoryview:
        """The size of each in bytes, as integers of 32 bits."""
        return self._sizes

    @property
    def durations(self) -> memoryview:
        """How long each is, in the stream's time base."""
        return self._times[1::2]

    @property
    def end_pts(self) -> int:
        """Where the last one ends."""
        return int(self._times[-2] + self._times[-1]) if self else 0

    @property
    def trace(self) -> Trace:
        """Of all."""
        trace = Trace()
        trace.add_all(self._data, self._sizes)
        return trace

    def for_ffmpeg(self) -> Iterator[Packet[Stream]]:
        """Each as FFmpeg's."""
        for number in range(len(self)):
            made: Packet[Stream] = Packet(self._bytes(number))  # type: ignore[arg-type]  # any buffer will do
            made.pts = made.dts = self._times[2 * number]
            made.duration = self._times[2 * number + 1]
            made.is_keyframe = True
            if skip := self._skips.get(self._first + number):
                made.set_sidedata(side_data(_SKIP_SAMPLES, skip))
            yield made

    def overwrite_end(self, number: int, data: bytes) -> None:
        """Put ``data`` in place of the last bytes of a packet."""
        end = self._ends[number + 1]
        self._data[end - len(data) : end] = data

    def with_data(self, datas: Sequence[bytes]) -> Packets:
        """The same with other bytes in each."""
        sizes = memoryview(array("I", map(len, datas)))
        return Packets(self._times, sizes, memoryview(b"".join(datas)), self._skips, self._first)

    def as_message(self, head: Mapping[str, Any]) -> Message:
        """With something about them in its head."""
        skips = {number: skip.hex() for each, skip in self._skips.items() if (number := each - self._first) >= 0}
        return Message({**head, "skips": skips}, (self._times.tobytes(), self._sizes.tobytes(), self._data))

    @classmethod
    def of_message(cls, message: Message) -> Self:
        """The inverse of :meth:`as_message`."""
        times, sizes, data = message.parts
        skips = {int(number): bytes.fromhex(skip) for number, skip in message.head["skips"].items()}
        return cls(memoryview(array("q", bytes(times))), memoryview(array("I", bytes(sizes))), memoryview(data), skips)

    def _bytes(self, number: int) -> memoryview:
        return self._data[self._ends[number] : self._ends[number + 1]]


class Packing:
    """Takes packets one by one, and gives them as a row."""

    def __init__(self, packets: Iterable[CodedPacket] = ()) -> None:
        """Begin with some."""
        self._times, self._sizes, self._data = array("q"), array("I"), bytearray()
        self._skips: dict[int, bytes] = {}
        for each in packets:
            self._add(each.pts, each.duration, memoryview(each.data), each.skip_samples)

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def size_bytes(self) -> int:
        """Of the data of all."""
        return len(self._data)

    def add(self, packet: Packet[Any]) -> None:
        """The next one."""
        self._add(packet.pts or 0, packet.duration or 0, memoryview(packet), skip_samples(packet))

    def packed(self) -> Packets:
        """All. No more may come."""
        times, sizes = memoryview(self._times), memoryview(self._sizes)
        return Packets(times, sizes, memoryview(self._data), self._skips)

    def _add(self, pts: int, duration: int, data: memoryview, skip: bytes) -> None:
        if skip:
            self._skips[len(self._sizes)] = skip
        self._times.extend((pts, duration))
        self._sizes.append(data.nbytes)
        self._data += data
