"""Coded sound in stretches: how each goes to a decoder in another process, and what it heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from zlib import crc32

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec.context import CodecContext

from soundmill.engine.messages import Message
from soundmill.engine.packets import CodedPacket, for_ffmpeg, from_table, table
from soundmill.engine.pieces import planes


@dataclass(frozen=True, slots=True)
class Heard:
    """What a stretch decodes to, without its pre-roll: samples a channel, packets that didn't decode, its form.

    ``checksum`` is the CRC-32 of its PCM in the decoder's own format, frame after frame.
    """

    number: int
    samples: int
    broken: int
    sample_rate: int
    channels: int
    channel_layout: str
    checksum: int


def order(context: AudioCodecContext, options: dict[str, str]) -> Message:
    """What a member of a crew is told so that it decodes as ``context`` would."""
    # The container may know the layout better than the codec.
    head = {"decoder": context.name, "options": options, "layout": context.layout.name}
    return Message(head, (context.extradata or b"",))


def as_work(number: int, packets: Sequence[CodedPacket], pre_roll: int) -> Message:
    """The stretch with this ``number``. Its first ``pre_roll`` packets only bring the decoder into the right state."""
    head = {"number": number, "pre_roll": pre_roll, **table(packets)}
    return Message(head, [each.data for each in packets])


def as_heard(result: Message) -> Heard:
    """What a member answered."""
    return Heard(**result.head)


class StretchDecoder:
    """Decodes stretches in a process of its own."""

    def __init__(self, told: Message) -> None:
        """As :func:`order` says."""
        self._name, self._options, self._layout = (told.head[each] for each in ("decoder", "options", "layout"))
        self._extradata = bytes(told.parts[0])

    def __call__(self, work: Message) -> Message:
        """Decode a stretch with a decoder that begins with it."""
        context = self._open()
        samples = broken = checksum = 0
        form: tuple[int, int, str] | None = None
        for number, packet in enumerate(from_table(dict(work.head), work.parts)):
            try:
                decoded = context.decode(for_ffmpeg(packet))
            except av.InvalidDataError:
                decoded = []
                broken += number >= work.head["pre_roll"]
            if number < work.head["pre_roll"]:
                continue
            for frame in decoded:
                form = form or _form(frame)
                broken += _form(frame) != form
                samples += frame.samples
                for plane in planes(frame):
                    checksum = crc32(plane, checksum)
        return Message(asdict(Heard(work.head["number"], samples, broken, *(form or (0, 0, "")), checksum)))

    def _open(self) -> AudioCodecContext:
        context = CodecContext.create(self._name, "r")
        if not isinstance(context, AudioCodecContext):
            raise TypeError(f"{self._name} doesn't decode sound")
        context.extradata = self._extradata
        context.layout = self._layout
        context.options = self._options
        context.thread_count = 1
        return context


def _form(frame: AudioFrame) -> tuple[int, int, str]:
    return frame.sample_rate, frame.layout.nb_channels, frame.layout.name
