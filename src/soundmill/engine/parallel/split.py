"""One long sound on several cores: pieces are encoded side by side, and their packets become one stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from av.audio.format import AudioFormat
from av.audio.frame import AudioFrame

from soundmill.engine.codecs.decoders import DecoderSetup
from soundmill.engine.job import Job
from soundmill.engine.parallel.assembled import Assembled
from soundmill.engine.parallel.crew import Crew
from soundmill.engine.parallel.filling import Filled, Filling
from soundmill.engine.parallel.hearing import Print
from soundmill.engine.parallel.joining import Joining
from soundmill.engine.parallel.pieces import Piece, PieceEncoder, as_encoded, as_work
from soundmill.engine.parallel.seams import (
    Join,
    Misaligned,
    Run,
    Unstitchable,
    join_aac,
    join_anywhere,
    join_layer_three,
    join_opus,
    join_vorbis,
)
from soundmill.engine.parallel.stitch import StitchedFile
from soundmill.engine.pcm.planes import planes
from soundmill.engine.pcm.sound_sum import SoundSum
from soundmill.engine.plan import ENCODERS, LOSSLESS_ENCODERS, Plan
from soundmill.engine.processes.messages import Message
from soundmill.engine.reading.source import decoder_options
from soundmill.engine.tags.about import About
from soundmill.model.formats import VARIABLE

# Less than two pieces and a bit gain nothing. Others must be called and have pieces copied to them, which takes a second.
_SHORTEST_SPLIT_SECONDS = 45
_SHORTEST_LENT_SECONDS = 600

# A minute of MP3 at 64 kbit/s, three seconds of a CD. Forking a crew costs some milliseconds, which small files needn't pay.
_SMALLEST_BYTES = 480_000
_SMALLEST_LENT_BYTES = 2 * _SMALLEST_BYTES * _SHORTEST_LENT_SECONDS // 60

# Of all channels. FLAC of six at 384 kHz and 24 bits takes more memory than a member may have.
_MOST_SAMPLES_A_SECOND = 2_000_000

# A piece costs its pre-roll; few of them leave cores idle at the end.
_PIECES_A_MEMBER = 8
_SHORTEST_PIECE_SECONDS, _LONGEST_PIECE_SECONDS = 20, 60
# Those that may be encoded once more are kept until they are joined: of smaller ones more can be away.
_LENT_SHARE = 2
# Of pieces that wait for one before them. What is lent is away for longer than the crew takes, but many take no more memory.
_AHEAD_OF_HELPERS = 3
_MOST_WAITING = 24
_MOST_KEPT_BYTES = 144 << 20


@dataclass(frozen=True, slots=True)
class _Way:
    """How a codec is split. An encoder begins ``pre_roll`` frames early and goes on for ``overlap`` frames behind its piece.

    Pieces begin at multiples of ``step`` frames. Not more than ``ahead`` pieces a member wait for those before them: a slow one must not
    make the others pile up. With ``shifts``, a piece that doesn't fit is encoded again from some samples later on.
    Packets of the result are decoded in pieces by ``decoder``.
    """

    join: Join
    step: int = 1
    pre_roll: int = 0
    overlap: int = 0
    ahead: int = 3
    shifts: bool = False
    maximum_channels: int = 8
    lowest_bit_rate: int = 0
    lowest_sample_rate: int = 0
    decoder: str = field(kw_only=True)


_WAYS = {
    # Their frames know nothing of each other.
    "flac": _Way(join_anywhere, decoder="flac"),
    "alac": _Way(join_anywhere, decoder="alac"),
    # CBR at 44.1 kHz pads in a pattern of 49 frames, and LAME's psychoacoustics settle within as many. With half of them as overlap one
    # of 200 seams found no place for its main data; the farthest place seen stood 30 frames behind the one wanted.
    "libmp3lame": _Way(join_layer_three, step=49, pre_roll=49, overlap=48, decoder="mp3float"),
    # Two seconds at 44.1 kHz and more below: what masks what settles within them. At 8 kHz they are as long as the pieces.
    "libsndfile": _Way(
        join_vorbis, pre_roll=22, overlap=22, ahead=1, shifts=True, lowest_sample_rate=16_000, decoder="vorbis"
    ),
    # After a second, band energies and rate control agree with those of a stream that was encoded from the start. Below some
    # 72 kbit/s libopus may choose SILK, which predicts from long ago: clicks of -13 dB were measured at seams.
    "libopus": _Way(join_opus, pre_roll=50, overlap=25, maximum_channels=2, lowest_bit_rate=80_000, decoder="opus"),
    # 32 frames empty the bit reservoir, in as many more the rate control settles. Below, it comes to other ends: 3 dB were measured
    # at 32 kbit/s. What more than two channels decided can't be told.
    "aac": _Way(join_aac, pre_roll=64, overlap=22, maximum_channels=2, lowest_bit_rate=64_000, decoder="aac"),
}

_CODECS = {codec for codec, encoder in ENCODERS.items() if encoder in _WAYS} | {"pcm"}
# The others' pieces take as long to be copied as to be encoded.
_LENT_CODECS = _CODECS - LOSSLESS_ENCODERS - {"pcm"}


def is_worth_a_crew(job: Job) -> bool:
    """By what can be known before the file is looked into: that takes being confined, and then it is too late to fork."""
    if job.following:
        return False
    size = job.source.stat().st_size
    if job.encoders > 1:
        return job.target.codec in _CODECS and size >= _SMALLEST_BYTES
    return job.may_be_helped and job.target.codec in _LENT_CODECS and size >= _SMALLEST_LENT_BYTES


def suited(crew: Crew | None, expected_seconds: float) -> Crew | None:
    """``crew``, where it gains something with a sound of that length. One member alone is a tenth slower than none, unless others help it."""
    if crew is None or expected_seconds < _SHORTEST_SPLIT_SECONDS:
        return None
    return crew if len(crew) > 1 or crew.is_helped else None


def can_be_split(plan: Plan) -> bool:
    """True where pieces of this encoder's packets can be put together."""
    way = _WAYS.get(plan.encoder)
    if way is None or plan.channels > way.maximum_channels or plan.sample_rate < way.lowest_sample_rate:
        return False
    if plan.sample_rate * plan.channels > _MOST_SAMPLES_A_SECOND or _fills_its_reservoir(plan):
        return False
    return plan.bit_rate is None or plan.bit_rate >= way.lowest_bit_rate


def _fills_its_reservoir(plan: Plan) -> bool:
    """True for MP3 with a mean bit rate: in pieces of it, one seam of forty had no frame whose main data found a place."""
    return plan.encoder == "libmp3lame" and plan.bit_rate is not None and plan.bit_rate_mode == VARIABLE


def is_worth_lending(plan: Plan, expected_seconds: float) -> bool:
    """True where others' help is worth the way of the pieces to them and back."""
    is_slow = plan.encoder not in LOSSLESS_ENCODERS
    return is_slow and can_be_split(plan) and expected_seconds >= _SHORTEST_LENT_SECONDS


class SplitEncoder:
    """Implements :class:`soundmill.engine.writing.encode.Encoder` with a crew. Its memory doesn't depend on the sound's length.

    ``encode`` and ``finish`` raise ``Unstitchable`` too.
    """

    def __init__(
        self,
        path: Path,
        plan: Plan,
        about: About,
        crew: Crew,
        expected_seconds: float,
        *,
        is_checked: bool = True,
        lends: bool = False,
    ) -> None:
        """Pieces are longer where ``expected_seconds`` are many: each costs some pre-roll.

        Where possible, their packets are decoded, too, if that ``is_checked``. If it ``lends``, others than the crew may help.
        """
        self._plan, self._crew, self._way = plan, crew, _WAYS[plan.encoder]
        self._file = StitchedFile(path, plan, about)
        self._codec_samples = self._file.frame_samples
        # Packed samples can be cut anywhere, so they may come as the source has them.
        self.frame_samples = self._codec_samples if plan.sample_format.endswith("p") else 0
        self._frame_bytes = self._codec_samples * AudioFormat(plan.sample_format).bytes * plan.channels
        piece_frames = self._frames_a_piece(expected_seconds, _LENT_SHARE if lends and self._way.shifts else 1)
        self._most_waiting = _MOST_WAITING
        if self._way.shifts:
            self._most_waiting = _MOST_KEPT_BYTES // (piece_frames * self._frame_bytes)
        self._filling = Filling(
            lambda: crew.area(self._take),
            frame_bytes=self._frame_bytes,
            piece_frames=piece_frames,
            pre_roll=self._way.pre_roll,
            overlap=self._way.overlap,
        )
        self._joining = Joining(self._way.join)
        self._is_begun = False
        self._kept: dict[int, Piece] = {}
        self._again: set[int] = set()
        self._shift = 0
        self._prints: dict[int, Print] = {}
        decoder = _decoder(plan, self._file.extradata) if is_checked else None
        is_lossless = plan.encoder in LOSSLESS_ENCODERS
        self.listener = None if decoder is None else Assembled(decoder, is_lossless=is_lossless)
        """See :class:`~soundmill.engine.writing.encode.Encoder`."""
        self.sum = SoundSum() if plan.is_lossless and not is_checked else None
        """See :class:`~soundmill.engine.writing.encode.Encoder`; pieces that are decoded one by one have their :attr:`prints`."""
        crew.begin(PieceEncoder.order(plan, decoder), lends=lends)

    @property
    def prints(self) -> list[Print]:
        """What all packets must decode to, where the codec is lossless; complete after :meth:`finish`."""
        return [self._prints[first] for first in sorted(self._prints)]

    def encode(self, frame: AudioFrame) -> None:
        """See :class:`~soundmill.engine.writing.encode.Encoder`."""
        if self.frame_samples and self._filling.is_amid_a_frame:
            raise Unstitchable("a shorter frame in the middle: the source changed its form")
        if self.sum is not None:
            self.sum.add(frame)
        for plane in planes(frame):
            self._file.add_sound(plane, frame.samples)
            for piece in self._filling.add(plane):
                self._give(piece, is_last=False)

    def finish(self) -> None:
        """See :class:`~soundmill.engine.writing.encode.Encoder`."""
        if self._way.shifts and not self._is_begun:
            # Ogg's muxer puts what is shorter than a second on one page, where its end can't be told to the sample.
            raise Unstitchable("it is shorter than a piece")
        self._give(self._filling.rest(), is_last=True)
        # Not until all are idle: some may do what somebody else has done by now.
        while self._joining.waiting and self._crew.wait(self._take):
            self._write_ready()
        self._crew.lend_no_more()
        if self._joining.waiting:
            raise Unstitchable("a piece is missing")
        self._add(self._joining.rest())
        self._file.finish()
        self._kept.clear()

    def abandon(self) -> None:
        """See :class:`~soundmill.engine.writing.encode.Encoder`."""
        self._crew.lend_no_more()
        self._file.abandon()

    @property
    def _ahead(self) -> int:
        own, all_hands = len(self._crew), self._crew.hands
        helped = min(_AHEAD_OF_HELPERS * all_hands, self._most_waiting) if all_hands > own else 0
        return max(self._way.ahead * own, helped)

    def _frames_a_piece(self, expected_seconds: float, share: int) -> int:
        seconds = expected_seconds / (_PIECES_A_MEMBER * len(self._crew))
        seconds = min(_LONGEST_PIECE_SECONDS, max(_SHORTEST_PIECE_SECONDS, seconds))
        most = self._crew.area_bytes // share // self._frame_bytes - self._way.pre_roll - self._way.overlap
        if most < max(self._way.step, self._way.pre_roll):
            self._file.abandon()
            raise Unstitchable("its frames are too large for pieces")
        frames = min(round(seconds * self._plan.sample_rate) // self._codec_samples, most)
        return max(self._way.step, self._way.pre_roll, frames // self._way.step * self._way.step)

    def _give(self, filled: Filled, *, is_last: bool) -> None:
        self._is_begun = True
        self._joining.expect(filled.first, filled.start)
        piece = Piece(filled.first, self._codec_samples, is_last, filled.pcm, self._shift)
        if self._way.shifts:
            self._kept[piece.first] = replace(piece, pcm=bytes(piece.pcm))
        self._crew.give(as_work(piece), self._take, filled.area)
        self._write_ready()
        while len(self._joining.waiting) > self._ahead:
            if not self._crew.wait(self._take):
                raise Unstitchable("a piece is missing")
            self._write_ready()

    def _take(self, result: Message) -> None:
        done = as_encoded(result)
        if done.checksum is not None:
            self._prints[done.first] = Print(len(done.packets), done.checksum)
        if self.listener is not None:
            self.listener.add_piece(done)
        self._joining.add(done.first, done.packets)

    def _add(self, runs: Iterator[Run]) -> None:
        for each in runs:
            self._file.add(each.packets)
            if self.listener is not None:
                self.listener.add_run(each)

    def _write_ready(self) -> None:
        try:
            self._add(self._joining.ready())
        except Misaligned as why:
            piece = self._kept[self._joining.refuse()]
            if piece.first in self._again:
                raise
            self._again.add(piece.first)
            # Those that follow in the same steady sound will need the same.
            self._shift = (piece.shift + why.shift) % self._codec_samples
            self._kept[piece.first] = piece = replace(piece, shift=self._shift)
            self._crew.give(as_work(piece), self._take)
        self._kept = {first: piece for first, piece in self._kept.items() if first in self._joining.waiting}


def _decoder(plan: Plan, extradata: bytes) -> DecoderSetup:
    name = _WAYS[plan.encoder].decoder
    return DecoderSetup(name, decoder_options(name), plan.channel_layout, extradata)
