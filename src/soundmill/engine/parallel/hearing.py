"""A file is read once in its order, and decoded in stretches by a crew side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import av

from soundmill.engine.codecs.decoders import PRE_ROLLS
from soundmill.engine.codecs.packets import Packets, Packing
from soundmill.engine.comparing.compared import Sounding, sounding_packets
from soundmill.engine.damage import Damage
from soundmill.engine.parallel import stretches
from soundmill.engine.parallel.crew import Crew
from soundmill.engine.parallel.stretches import Heard
from soundmill.engine.processes.messages import Message
from soundmill.engine.reading.refuse import check_declared
from soundmill.engine.reading.source import Source, check_sound, decoder_options

_STRETCH_SECONDS = 20
_LARGEST_STRETCH_BYTES = 8 << 20
_MOST_STRETCH_SAMPLES = 8 << 20


@dataclass(frozen=True, slots=True)
class Print:
    """The CRC-32 of the PCM that so many packets must decode to, in the decoder's own format, frame after frame."""

    packets: int
    checksum: int


def can_be_heard_in_stretches(source: Source) -> bool:
    """True where a decoder may begin anywhere."""
    # FFmpeg's decoder of Opus keeps the last samples of SILK until it is told that no more will come.
    return source.stream.codec_context.name in PRE_ROLLS.keys() - {"opus", "libopus"}


def hear(source: Source, crew: Crew, prints: Sequence[Print] = ()) -> Sounding:
    """Decode ``source`` to its end. Nothing may be wrong with it: this is for files of our own making.

    ``prints`` are compared with what is heard, if there are any. Raises ``ConversionError`` with ``DAMAGED_INPUT`` or ``NO_AUDIO``.
    """
    context = source.stream.codec_context
    crew.begin(stretches.order(context, decoder_options(context.name), is_compared=bool(prints)))
    heard: dict[int, Heard] = {}

    def take(result: Message) -> None:
        found = stretches.as_heard(result)
        heard[found.number] = found

    try:
        for number, (packets, pre_roll) in enumerate(stretched(source, [each.packets for each in prints])):
            crew.give(stretches.as_work(number, packets, pre_roll), take)
    except av.FFmpegError as error:
        raise Damage(0, None, False, str(error)).error() from error
    while crew.wait(take):
        pass
    return _summed(source, [heard[number] for number in sorted(heard)], prints)


def stretched(source: Source, lengths: Sequence[int] = ()) -> Iterator[tuple[Packets, int]]:
    """Packets of a stretch behind those of its pre-roll, and how many these are. Stretches have ``lengths``, where these are given.

    Raises ``ConversionError`` with ``DAMAGED_INPUT`` for packets that the container knows to be broken.
    """
    context = source.stream.codec_context
    most_pre_roll = PRE_ROLLS[context.name]
    seconds = min(_STRETCH_SECONDS, _MOST_STRETCH_SAMPLES / (context.sample_rate * context.channels))
    longest = round(seconds / source.stream.time_base)
    counts = iter(lengths)
    count = next(counts, 0)
    packing, pre_roll = Packing(), 0
    begins_at = most_bytes = 0
    for packet in sounding_packets(source):
        pts = packet.pts or 0
        if packet.is_corrupt:
            raise Damage(float(pts * source.stream.time_base), None, False, "a packet is marked as broken").error()
        packing.add(packet)
        if len(packing) - pre_roll == 1:
            begins_at, most_bytes = pts, packing.size_bytes + _LARGEST_STRETCH_BYTES
        is_long = pts - begins_at >= longest or packing.size_bytes >= most_bytes
        if len(packing) - pre_roll == count or (not lengths and is_long):
            packets = packing.packed()
            yield packets, pre_roll
            packing = Packing(packets[max(0, len(packets) - most_pre_roll) :])
            pre_roll, count = len(packing), next(counts, 0)
    if len(packing) > pre_roll:
        yield packing.packed(), pre_roll


def _summed(source: Source, heard: list[Heard], prints: Sequence[Print]) -> Sounding:
    if prints and len(heard) != len(prints):
        raise Damage(0, None, False, f"{len(heard)} stretches instead of {len(prints)}").error()
    sounding = [each for each in heard if each.samples]
    whole = Sounding(sounding[0].sample_rate, sounding[0].channels, sounding[0].channel_layout) if sounding else None
    if whole is None:
        raise Damage(0, None, False, "nothing decodes").error()
    check_sound(whole.sample_rate, whole.channels)
    for each in sounding:
        seconds = whole.sample_count / whole.sample_rate
        if each.broken or (each.sample_rate, each.channels, each.channel_layout) != whole.form:
            raise Damage(seconds, None, False, f"{each.broken} packets of stretch {each.number}").error()
        if prints and each.checksum != prints[each.number].checksum:
            raise Damage(seconds, None, False, f"stretch {each.number} has other samples than were encoded").error()
        whole.sample_count += each.samples
    check_declared(source, whole.sample_count, whole.sample_rate)
    return whole
