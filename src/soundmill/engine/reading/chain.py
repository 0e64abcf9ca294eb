"""A source link by link: of several Ogg files one behind the other, each is decoded as the file that it is (RFC 3533, section 4).

Decoding across a seam, FFmpeg joins the end of one sound to the begin of the other, and refuses those whose forms differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from soundmill.engine.codecs import amr
from soundmill.engine.codecs.vorbis_ends import Marks, Trimmed
from soundmill.engine.containers.between import Untagged
from soundmill.engine.containers.part import Section
from soundmill.engine.plan import Plan
from soundmill.engine.reading.counting import Counting, can_be_counted
from soundmill.engine.reading.ends import Bounded, decode_timed, ends_by_durations, told_bounds, told_rest, with_end
from soundmill.engine.reading.source import Source, check_sound, opened_section
from soundmill.engine.text import exact_clock
from soundmill.model.options import ConversionOptions

type _SoundPacket = Packet[AudioStream]


@dataclass(frozen=True, slots=True)
class LinkBegin:
    """Where in the whole a link begins, and its form in hertz and channels."""

    seconds: float
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class SoundLink:
    """A sound with the packets of one link, and what decodes them one after the other; that raises ``av.FFmpegError``."""

    container: InputContainer
    stream: AudioStream
    decode: Callable[[_SoundPacket], Sequence[AudioFrame]]
    ends_by_durations: bool = False
    """True where the last packet ends there if it is shorter than it decodes to."""
    losses: Callable[[], Iterable[str]] = tuple
    """What of it wasn't decoded although it is whole, once it was heard; named for people."""

    def packets(self) -> Iterator[_SoundPacket]:
        """To the end, which is a packet without data. Raises ``av.FFmpegError``."""
        found = self.container.demux(self.stream)
        return with_end(found) if self.ends_by_durations else found

    def begin(self, seconds: float) -> LinkBegin:
        """What it is, with the place where it begins."""
        context = self.stream.codec_context
        return LinkBegin(seconds, context.sample_rate, context.channels)


def sound_links(source: Source, *, is_heard: bool = True) -> Iterator[SoundLink]:
    """Each is closed when the next one is asked for. What isn't chained is one. Frames may be empty of what nobody hears.

    Raises ``ConversionError`` as :func:`~soundmill.engine.reading.source.open_source` does, and ``av.FFmpegError`` for a sound that has no decoder.
    """
    if not is_heard and can_be_counted(source):
        yield SoundLink(source.container, source.stream, Counting(source.stream.codec_context.layout.name).decode)
        return
    yield _link(source, 0, source.container, source.stream)
    places = [*(each.begin for each in source.links[1:]), 0]
    for number, (begin, end) in enumerate(pairwise(places), 1):
        with opened_section(source, Section(begin, end)) as (container, stream):
            if stream is not None:
                check_sound(stream.codec_context.sample_rate, stream.codec_context.channels)
                yield _link(source, number, container, stream)


def link_losses(links: Sequence[LinkBegin], plan: Plan, options: ConversionOptions) -> Iterator[str]:
    """What later links have more of than the whole gets, named for people: a file has one form, and it is planned for the first one."""
    for link in links[1:]:
        begin = exact_clock(link.seconds)
        if options.sample_rate is None and link.sample_rate > plan.sample_rate:
            yield f"sample rate {link.sample_rate} Hz from {begin} on (all of it gets {plan.sample_rate} Hz)"
        if options.channels is None and link.channels > plan.channels:
            yield f"{link.channels} channels from {begin} on (all of it gets {plan.channels})"


def marks_of(source: Source, number: int, stream: AudioStream) -> Marks | None:
    """What a stream of the link with this ``number`` says of its ends, where it is Vorbis in Ogg."""
    marks = source.links[number].marks[stream.index :] if source.links else ()
    return marks[0] if marks else None


def _link(source: Source, number: int, container: InputContainer, stream: AudioStream) -> SoundLink:
    marks = marks_of(source, number, stream)
    decode: Callable[[_SoundPacket], Sequence[AudioFrame]] = Packet.decode
    losses: Callable[[], Iterable[str]] = tuple
    if stream.codec_context.name in amr.CODECS:
        pausing = amr.Pausing(stream)
        decode, losses = pausing.decode, pausing.losses
    elif source.kind == "mp3":
        decode = Untagged().decode
    elif marks is not None:
        decode = Trimmed(stream, marks).decode
    elif (bounds := told_bounds(source)) is not None:
        decode = Bounded(stream, bounds, told_rest(source)).decode
    elif ends_by_durations(source):
        decode = decode_timed
    # PyAV would try it with the first packet, and have no decoder any more for the second where it can't be done.
    stream.codec_context.open(strict=False)
    return SoundLink(container, stream, decode, ends_by_durations(source), losses)
