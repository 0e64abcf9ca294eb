"""One long sound on several cores: pieces are encoded side by side, and their packets become one stream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.audio.frame import AudioFrame
from av.packet import Packet
from av.stream import Stream

from soundmill.engine.crew import Crew
from soundmill.engine.encode import add_encoded_sound
from soundmill.engine.flac import StreamInfo
from soundmill.engine.job import Job
from soundmill.engine.mux import Muxer, side_data
from soundmill.engine.pieces import CodedPacket, Piece, pcm
from soundmill.engine.plan import Plan
from soundmill.engine.seams import Join, Run, Unstitchable, join_anywhere, join_layer_three, join_opus
from soundmill.engine.tags import About

SHORTEST_SPLIT_SECONDS = 45
"""Less than two pieces and a bit gain nothing."""

# A minute of MP3 at 64 kbit/s, three seconds of a CD. Forking a crew costs some milliseconds, which small files needn't pay.
_SMALLEST_BYTES = 480_000
_PIECE_SECONDS = 20
_CODECS = frozenset({"flac", "alac", "mp3", "opus"})

# Finished packets wait for those before them: a slow piece must not make the others pile up.
_PIECES_AHEAD = 3
# A piece is in memory twice or three times: where one second is much, it gets shorter.
_LARGEST_PIECE_BYTES = 24 << 20


@dataclass(frozen=True, slots=True)
class _Way:
    """How a codec is split. An encoder begins ``pre_roll`` frames early and goes on for ``overlap`` frames behind its piece.

    Pieces begin at multiples of ``step`` frames.
    """

    join: Join
    step: int = 1
    pre_roll: int = 0
    overlap: int = 0
    maximum_channels: int = 8
    lowest_bit_rate: int = 0


_WAYS = {
    # Their frames know nothing of each other.
    "flac": _Way(join_anywhere),
    "alac": _Way(join_anywhere),
    # CBR at 44.1 kHz pads in a pattern of 49 frames, and LAME's psychoacoustics settle within as many.
    "libmp3lame": _Way(join_layer_three, step=49, pre_roll=49, overlap=24),
    # After a second, band energies and rate control agree with those of a stream that was encoded from the start. Below some
    # 72 kbit/s libopus may choose SILK, which predicts from long ago: clicks of -13 dB were measured at seams.
    "libopus": _Way(join_opus, pre_roll=50, overlap=25, maximum_channels=2, lowest_bit_rate=80_000),
}


def is_worth_a_crew(job: Job) -> bool:
    """By what can be known before the file is looked into: that takes being confined, and then it is too late to fork."""
    is_splittable = job.encoders > 1 and job.target.codec in _CODECS
    return is_splittable and job.source.stat().st_size >= _SMALLEST_BYTES


def can_be_split(plan: Plan) -> bool:
    """True where pieces of this encoder's packets can be put together."""
    way = _WAYS.get(plan.encoder)
    if way is None or plan.channels > way.maximum_channels:
        return False
    return plan.bit_rate is None or plan.bit_rate >= way.lowest_bit_rate


class SplitEncoder:
    """Implements :class:`soundmill.engine.encode.Encoder` with a crew. Its memory doesn't depend on the sound's length.

    ``encode`` and ``finish`` raise ``Unstitchable`` too.
    """

    def __init__(self, path: Path, plan: Plan, about: About, crew: Crew) -> None:
        self._plan, self._crew, self._way = plan, crew, _WAYS[plan.encoder]
        self._muxer = Muxer(path, plan, about, lambda container: add_encoded_sound(container, plan))
        self.frame_samples = self._muxer.stream.codec_context.frame_size
        self._stream_info = StreamInfo(plan.raw_bits or 16) if plan.encoder == "flac" else None
        self._frames: list[bytes] = []
        self._first = self._start = self._last_samples = 0
        self._piece_frames = 0
        self._joined = _Joined(self._way.join)
        self._end_pts = 0
        crew.begin(plan)

    def encode(self, frame: AudioFrame) -> None:
        """See :class:`~soundmill.engine.encode.Encoder`."""
        if self._last_samples not in (0, self.frame_samples):
            raise Unstitchable("a shorter frame in the middle: the source changed its form")
        data = pcm(frame)
        if self._stream_info:
            self._stream_info.add_sound(data, frame.samples)
        if not self._piece_frames:
            self._piece_frames = self._frames_a_piece(len(data))
        self._frames.append(data)
        self._last_samples = frame.samples
        end = self._start + self._piece_frames
        # One frame more is there, so that the last piece is never empty.
        if self._first + len(self._frames) > end + self._way.overlap:
            self._give(end + self._way.overlap, is_last=False)
            self._start = end
            self._forget_before(end - self._way.pre_roll)

    def finish(self) -> None:
        """See :class:`~soundmill.engine.encode.Encoder`."""
        self._give(self._first + len(self._frames), is_last=True)
        while self._crew.wait(self._joined.add):
            self._write(self._joined.ready())
        self._write(self._joined.rest())
        if self._stream_info:
            self._add(self._told(self._stream_info))
        self._muxer.finish()

    def abandon(self) -> None:
        """See :class:`~soundmill.engine.encode.Encoder`."""
        self._muxer.abandon()

    def _frames_a_piece(self, frame_bytes: int) -> int:
        frames = min(_PIECE_SECONDS * self._plan.sample_rate // self.frame_samples, _LARGEST_PIECE_BYTES // frame_bytes)
        return max(self._way.step, self._way.pre_roll, frames // self._way.step * self._way.step)

    def _give(self, end: int, *, is_last: bool) -> None:
        frames = tuple(self._frames[: end - self._first])
        last_samples = self._last_samples if is_last else self.frame_samples
        self._joined.expect(self._first, self._start)
        self._crew.give(Piece(self._first, self.frame_samples, last_samples, is_last, frames), self._joined.add)
        self._write(self._joined.ready())
        while self._joined.waiting > _PIECES_AHEAD * len(self._crew):
            self._crew.wait(self._joined.add)
            self._write(self._joined.ready())

    def _forget_before(self, number: int) -> None:
        number = max(self._first, number)
        del self._frames[: number - self._first]
        self._first = number

    def _write(self, packets: Iterable[CodedPacket]) -> None:
        for each in packets:
            if self._stream_info:
                self._stream_info.add_frame(each.data)
            self._end_pts = each.pts + each.duration
            packet = Packet(each.data)
            packet.pts = packet.dts = each.pts
            packet.duration = each.duration
            packet.is_keyframe = True
            if each.skip_samples:
                packet.set_sidedata(side_data("skip_samples", each.skip_samples))
            self._add(packet)

    def _told(self, stream_info: StreamInfo) -> Packet[Stream]:
        """FFmpeg's muxers take STREAMINFO from the last packet, which has no sound."""
        packet = Packet(b"")
        packet.pts = packet.dts = self._end_pts
        begun_with = self._muxer.stream.codec_context.extradata or b""
        packet.set_sidedata(side_data("new_extradata", stream_info.finished(begun_with)))
        return packet

    def _add(self, packet: Packet[Stream]) -> None:
        packet.stream = self._muxer.stream
        packet.time_base = Fraction(1, self._plan.sample_rate)
        self._muxer.add(packet)


class _Joined:
    """Puts runs of packets together that come in any order."""

    def __init__(self, join: Join) -> None:
        self._join = join
        self._expected: list[tuple[int, int]] = []
        self._done: dict[int, list[CodedPacket]] = {}
        self._tail: Run | None = None

    @property
    def waiting(self) -> int:
        """Pieces that aren't written yet."""
        return len(self._expected)

    def expect(self, first: int, start: int) -> None:
        """The next piece begins with frame ``first``, and what is wanted of it with ``start``."""
        self._expected.append((first, start))

    def add(self, first: int, packets: list[CodedPacket]) -> None:
        """What became of the piece that begins with ``first``."""
        self._done[first] = packets

    def ready(self) -> Iterable[CodedPacket]:
        """What can be written now."""
        while self._expected and self._expected[0][0] in self._done:
            first, start = self._expected.pop(0)
            following = Run(first, self._done.pop(first))
            if self._tail is not None:
                cut = self._join(self._tail, following, start)
                yield from self._tail.packets[: cut - self._tail.first]
                following.packets = following.packets[cut - following.first :]
                following.first = cut
            self._tail = following

    def rest(self) -> list[CodedPacket]:
        """What is left at the end."""
        return self._tail.packets if self._tail else []
