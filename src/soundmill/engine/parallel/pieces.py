"""A long sound in pieces: how each goes to an encoder in another process, and how its packets come back."""

from __future__ import annotations

from collections.abc import Buffer, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import chain

from av.audio.codeccontext import AudioCodecContext
from av.audio.format import AudioFormat
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.codec.context import CodecContext
from zlib_ng.zlib_ng import crc32

from soundmill.engine.codecs.aac import DrainedEncoder
from soundmill.engine.codecs.decoders import DecoderSetup
from soundmill.engine.codecs.flac import renumbered
from soundmill.engine.codecs.packets import Packets, Packing
from soundmill.engine.parallel.checked import Checked, check
from soundmill.engine.pcm.planes import fill, planes
from soundmill.engine.plan import LOSSLESS_ENCODERS, Plan
from soundmill.engine.processes.messages import Message
from soundmill.engine.writing.encode import apply_settings
from soundmill.engine.writing.vorbis_packets import vorbis_packets

# PyAV cuts what an encoder gets into its frames anyway, and ends each time with an exception.
_FRAMES_AT_A_TIME = 32


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames of PCM in the encoder's sample format, each plane after plane. ``first`` is the first one's number in the whole sound.

    All have ``frame_samples`` samples a channel but the last, which may have fewer. ``shift`` samples a channel at the begin aren't wanted.
    """

    first: int
    frame_samples: int
    is_last: bool
    pcm: Buffer
    shift: int = 0


@dataclass(frozen=True, slots=True)
class EncodedPiece:
    """What became of the piece that begins with frame ``first``.

    ``checksum`` is the CRC-32 of its PCM where a decoder gives back the same. ``checked`` is what its packets decode to, where they were
    decoded.
    """

    first: int
    packets: Packets
    checksum: int | None
    checked: Checked | None


def as_work(piece: Piece) -> Message:
    """For a member of a crew that was told what to encode."""
    head = {name: getattr(piece, name) for name in ("first", "frame_samples", "is_last", "shift")}
    return Message(head, (piece.pcm,))


def as_piece(work: Message) -> Piece:
    """The inverse of :func:`as_work`."""
    return Piece(**work.head, pcm=work.parts[0])


def as_result(done: EncodedPiece) -> Message:
    """What a member answers."""
    checked = None if done.checked is None else done.checked.as_head()
    return done.packets.as_message({"first": done.first, "checksum": done.checksum, "checked": checked})


def as_encoded(result: Message) -> EncodedPiece:
    """The inverse of :func:`as_result`."""
    head = result.head
    checked = None if head["checked"] is None else Checked.from_head(head["checked"])
    return EncodedPiece(head["first"], Packets.of_message(result), head["checksum"], checked)


class PieceEncoder:
    """Encodes pieces in a process of its own, and decodes them again."""

    def __init__(self, told: Message) -> None:
        """As :meth:`order` says."""
        self._plan = Plan(**told.head["plan"])
        setup = told.head["checked_by"]
        self._setup = None if setup is None else DecoderSetup(**setup, extradata=bytes(told.parts[0]))

    @staticmethod
    def order(plan: Plan, checked_by: DecoderSetup | None) -> Message:
        """What a member is told so that it becomes one. Without ``checked_by`` it decodes nothing."""
        head = {"plan": {**asdict(plan), "muxer_options": (), "losses": ()}, "checked_by": None}
        if checked_by is None:
            return Message(head)
        name, options, layout = checked_by.name, dict(checked_by.options), checked_by.layout
        head["checked_by"] = {"name": name, "options": options, "layout": layout}
        return Message(head, (checked_by.extradata,))

    def __call__(self, work: Message) -> Message:
        """The packets of a piece."""
        piece = as_piece(work)
        is_lossless = self._plan.encoder in LOSSLESS_ENCODERS
        checksum = crc32(piece.pcm) if is_lossless else None
        encode = encode_vorbis_piece if self._plan.encoder == "libsndfile" else encode_piece
        packets = encode(self._plan, piece)
        checked = None if self._setup is None else check(packets, self._setup, is_compared=is_lossless)
        return as_result(EncodedPiece(piece.first, packets, checksum, checked))


def encode_piece(plan: Plan, piece: Piece) -> Packets:
    """The packets of ``piece``, by an encoder that begins with it. Only the last piece is encoded to the very end."""
    context = CodecContext.create(plan.encoder, "w")
    if not isinstance(context, AudioCodecContext):
        raise TypeError(f"{plan.encoder} doesn't encode sound")
    context.sample_rate = plan.sample_rate
    context.time_base = Fraction(1, plan.sample_rate)
    apply_settings(context, plan)
    frames = chain(_frames(plan, piece), (None,) if piece.is_last else ())
    # The sound's own beginning is encoded as a single encoder would.
    encoder = DrainedEncoder(context) if plan.encoder == "aac" and piece.first else context
    packing = Packing()
    for frame in frames:
        for packet in encoder.encode(frame):
            # FLAC's very last one has no sound: it only tells the muxer what STREAMINFO says.
            if packet.size:
                packing.add(packet)
    packets = packing.packed()
    if plan.encoder == "flac":
        return packets.with_data(renumbered([each.data for each in packets], piece.first))
    return packets


def encode_vorbis_piece(plan: Plan, piece: Piece) -> Packets:
    """The same with libsndfile."""
    pcm = memoryview(piece.pcm)[piece.shift * plan.channels * AudioFormat(plan.sample_format).bytes :]
    begins_at = piece.first * piece.frame_samples + piece.shift
    return Packing(vorbis_packets(plan, pcm, begins_at, is_last=piece.is_last)).packed()


def _frames(plan: Plan, piece: Piece) -> Iterator[AudioFrame]:
    """Many of the encoder's frames in each."""
    pcm = memoryview(piece.pcm)
    sample_format, layout, time_base = (
        AudioFormat(plan.sample_format),
        AudioLayout(plan.channel_layout),
        Fraction(1, plan.sample_rate),
    )
    block_bytes = sample_format.bytes * plan.channels
    size = _FRAMES_AT_A_TIME * piece.frame_samples
    for at in range(0, len(pcm), size * block_bytes):
        part = pcm[at : at + size * block_bytes]
        frame = AudioFrame(sample_format, layout, len(part) // block_bytes)
        frame.sample_rate = plan.sample_rate
        frame.time_base = time_base
        frame.pts = piece.first * piece.frame_samples + at // block_bytes
        fill(tuple(planes(frame)), part, piece.frame_samples * sample_format.bytes)
        yield frame
