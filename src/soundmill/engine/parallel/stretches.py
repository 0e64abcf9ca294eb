"""Coded sound in stretches: how each goes to a decoder in another process, and what it heard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from zlib_ng.zlib_ng import crc32

from soundmill.engine.codecs.decoders import BROKEN_PACKET, DecoderSetup
from soundmill.engine.codecs.packets import Packets
from soundmill.engine.pcm.planes import planes
from soundmill.engine.plan import Plan
from soundmill.engine.processes.messages import Message
from soundmill.engine.shaping.reshape import Reshaper

# Of all channels. Much more in one stretch is none of an honest file; memory is limited.
_MOST_SAMPLES = 16 << 20


@dataclass(frozen=True, slots=True)
class Heard:
    """What a stretch decodes to, without its pre-roll: samples a channel, packets that didn't decode, its form.

    ``checksum`` is the CRC-32 of its PCM in the decoder's own format, frame after frame, or 0 where nothing is compared.
    """

    number: int
    samples: int
    broken: int
    sample_rate: int
    channels: int
    channel_layout: str
    checksum: int


def order(
    context: AudioCodecContext, options: dict[str, str], wanted: Plan | None = None, *, is_compared: bool = False
) -> Message:
    """What a member of a crew is told so that it decodes as ``context`` would.

    Where the PCM ``is_compared`` with other, it counts a checksum. With ``wanted`` it answers with the PCM in that form, too, which must be one that each sample can be brought into by itself.
    """
    form = None if wanted is None else asdict(replace(wanted, muxer_options=(), losses=()))
    head = {
        "decoder": {"name": context.name, "options": options, "layout": context.layout.name},
        "wanted": form,
        "is_compared": is_compared,
    }
    return Message(head, (context.extradata or b"",))


def as_work(number: int, packets: Packets, pre_roll: int) -> Message:
    """The stretch with this ``number``. Its first ``pre_roll`` packets only bring the decoder into the right state."""
    return packets.as_message({"number": number, "pre_roll": pre_roll})


def as_heard(result: Message) -> Heard:
    """What a member answered."""
    return Heard(**result.head)


class StretchDecoder:
    """Decodes stretches in a process of its own."""

    def __init__(self, told: Message) -> None:
        """As :func:`order` says."""
        self._setup = DecoderSetup(**told.head["decoder"], extradata=bytes(told.parts[0]))
        self._is_compared = told.head["is_compared"]
        self._wanted = Plan(**told.head["wanted"]) if told.head["wanted"] else None

    def __call__(self, work: Message) -> Message:
        """Decode a stretch with a decoder that begins with it."""
        samples = broken = checksum = 0
        form: tuple[int, int, str] | None = None
        reshaper = Reshaper(self._wanted, 0) if self._wanted else None
        pcm: list[bytes] = []
        for frame in self._decoded(work):
            if frame is None:
                broken += 1
                continue
            form = form or _form(frame)
            broken += _form(frame) != form
            samples += frame.samples
            if self._is_compared:
                checksum = _checksum(frame, checksum)
            if reshaper is None:
                continue
            if samples * form[1] > _MOST_SAMPLES:
                broken, pcm = broken + 1, []
            else:
                pcm += map(_pcm, reshaper.feed(frame))
        if reshaper is not None:
            pcm += map(_pcm, reshaper.flush())
        heard = Heard(work.head["number"], samples, broken, *(form or (0, 0, "")), checksum)
        return Message(asdict(heard), [b"".join(pcm)] if reshaper else [])

    def _decoded(self, work: Message) -> Iterator[AudioFrame | None]:
        """Frames behind the pre-roll; nothing for a packet that doesn't decode."""
        context = self._setup.opened()
        for number, packet in enumerate(Packets.of_message(work).for_ffmpeg()):
            try:
                decoded: Sequence[AudioFrame | None] = context.decode(packet)
            except BROKEN_PACKET:
                decoded = [None]
            if number >= work.head["pre_roll"]:
                yield from decoded


def _form(frame: AudioFrame) -> tuple[int, int, str]:
    return frame.sample_rate, frame.layout.nb_channels, frame.layout.name


def _checksum(frame: AudioFrame, before: int) -> int:
    for plane in planes(frame):
        before = crc32(plane, before)
    return before


def _pcm(frame: AudioFrame) -> bytes:
    return b"".join(planes(frame))
