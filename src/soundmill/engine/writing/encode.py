"""Encode sound into a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from soundmill.engine.comparing.encoded_opus import EncodedOpus
from soundmill.engine.comparing.listener import Listener
from soundmill.engine.pcm.sound_sum import SoundSum
from soundmill.engine.plan import Plan
from soundmill.engine.tags.about import About
from soundmill.engine.writing.mux import Muxer
from soundmill.engine.writing.vorbis import VorbisEncoder
from soundmill.model.formats import CONSTANT, VARIABLE

# Of encoders that do otherwise unless told: FFmpeg's options by encoder and mode.
_MODES = {("libmp3lame", VARIABLE): {"abr": "1"}, ("libopus", CONSTANT): {"vbr": "off"}}
_QSCALE_UNIT = 118  # FF_QP2LAMBDA: FFmpeg's global quality counts in these


class Encoder(Protocol):
    """Takes frames in the plan's form and makes a file of them."""

    frame_samples: int
    """How many samples each frame must have, the last one aside; 0 for any."""

    @property
    def listener(self) -> Listener | None:
        """What need not be found out of the file again, complete after :meth:`finish`."""
        ...

    @property
    def sum(self) -> SoundSum | None:
        """Of all frames, where decoding the file must give back the same; complete after :meth:`finish`."""
        ...

    def encode(self, frame: AudioFrame) -> None:
        """Add one frame."""
        ...

    def finish(self) -> None:
        """Write what is left and close the file."""
        ...

    def abandon(self) -> None:
        """Close the file as it is; it is worth nothing."""
        ...


def open_encoder(path: Path, plan: Plan, about: About) -> Encoder:
    """The encoder for ``plan``, writing to ``path``."""
    if plan.encoder == "libsndfile":
        return VorbisEncoder(path, plan, about)
    return LibavEncoder(path, plan, about)


class LibavEncoder:
    """Encodes and muxes with FFmpeg's libraries."""

    frame_samples = 0
    """PyAV cuts them for those encoders that want theirs. Cutting them before costs up to a tenth of the encoder's time."""

    def __init__(self, path: Path, plan: Plan, about: About) -> None:
        self._muxer = Muxer(path, plan, about, lambda container: add_encoded_sound(container, plan))
        self._stream = self._muxer.stream
        head = self._stream.codec_context.extradata or b""
        self.listener = EncodedOpus(head) if plan.encoder == "libopus" else None
        """See :class:`Encoder`."""
        self.sum = SoundSum() if plan.is_lossless else None
        """See :class:`Encoder`."""

    def encode(self, frame: AudioFrame) -> None:
        """See :class:`Encoder`."""
        if self.sum is not None:
            self.sum.add(frame)
        self._add(self._stream.encode(frame))

    def finish(self) -> None:
        """See :class:`Encoder`."""
        self._add(self._stream.encode(None))
        self._muxer.finish()

    def abandon(self) -> None:
        """See :class:`Encoder`."""
        self._muxer.abandon()

    def _add(self, packets: Iterable[Packet[AudioStream]]) -> None:
        for packet in packets:
            if self.listener is not None:
                self.listener.add(packet)
            self._muxer.add(packet)


def add_encoded_sound(container: OutputContainer, plan: Plan) -> AudioStream:
    """A stream with the encoder and the settings of ``plan``."""
    stream = container.add_stream(plan.encoder, rate=plan.sample_rate)
    if not isinstance(stream, AudioStream):
        raise TypeError(f"{plan.encoder} doesn't encode sound")
    apply_settings(stream.codec_context, plan)
    return stream


def apply_settings(context: AudioCodecContext, plan: Plan) -> None:
    """Tell an encoder that isn't open yet what ``plan`` says; its rate aside."""
    context.layout = plan.channel_layout
    context.format = plan.sample_format
    context.thread_count = 1
    if plan.bit_rate is not None:
        context.bit_rate = plan.bit_rate
        context.options = _MODES.get((plan.encoder, plan.bit_rate_mode or ""), {})
    if plan.quality is not None:
        context.qscale = True
        context.global_quality = round(plan.quality * _QSCALE_UNIT)
    if plan.raw_bits is not None:
        context.bits_per_raw_sample = plan.raw_bits
    if plan.coefficient_bits is not None:
        context.options = {"lpc_coeff_precision": str(plan.coefficient_bits)}
