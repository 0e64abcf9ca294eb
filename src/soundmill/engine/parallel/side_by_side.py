"""A source decoded by a crew, for targets that hold plain PCM: nothing else takes their time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import av
from av.audio.format import AudioFormat
from av.audio.frame import AudioFrame

from soundmill.engine.parallel import stretches
from soundmill.engine.parallel.crew import Crew
from soundmill.engine.parallel.hearing import stretched
from soundmill.engine.parallel.seams import Unstitchable
from soundmill.engine.parallel.stretches import Heard
from soundmill.engine.pcm.planes import planes
from soundmill.engine.plan import Plan
from soundmill.engine.processes.messages import Message
from soundmill.engine.reading.chain import marks_of
from soundmill.engine.reading.ends import told_bounds
from soundmill.engine.reading.refuse import check_declared
from soundmill.engine.reading.source import Source, decoder_options
from soundmill.model.conversion import ConversionError

# Of those, decoders that have their pre-roll behind them give the very same samples as if they had begun with the file.
_EXACT = frozenset({"mp3float", "vorbis", "flac", "alac"})
_STRETCHES_AHEAD = 2
_MOST_HELD_BYTES = 144 << 20
_FRAME_SAMPLES = 8192


def can_decode(source: Source, plan: Plan) -> bool:
    """True where pieces of PCM, each brought into the form of ``plan`` by itself, are those of the whole."""
    is_plain = not source.is_chained and told_bounds(source) is None
    return source.stream.codec_context.name in _EXACT and is_by_sample(source, plan) and is_plain


def is_by_sample(source: Source, plan: Plan) -> bool:
    """True where each sample of the result is made of those of the same moment."""
    return (
        plan.encoder.startswith("pcm_")
        and not plan.dither
        and plan.sample_rate == source.stream.codec_context.sample_rate
    )


class SideBySide:
    """The counterpart of :class:`soundmill.engine.reading.decode.Decoding` with a crew. Its frames have the form of the plan."""

    loudness: None = None
    holes: tuple[()] = ()

    def __init__(self, source: Source, plan: Plan, crew: Crew, longest_seconds: float) -> None:
        self._source, self._plan, self._crew = source, plan, crew
        self._longest_seconds = longest_seconds
        self._held_bytes = 0
        self._heard: dict[int, tuple[Heard, memoryview]] = {}
        self.sample_rate = self.channels = self.sample_count = 0
        self.channel_layout = ""

    def frames(self, on_position: Callable[[float], None]) -> Iterator[AudioFrame]:
        """Every frame; ``on_position`` gets the seconds so far.

        Raises ``Unstitchable`` for whatever isn't as it should be: one decoder alone can tell what is damaged, and how badly.
        """
        context = self._source.stream.codec_context
        self._crew.begin(stretches.order(context, decoder_options(context.name), self._plan))
        given = done = 0
        try:
            for packets, pre_roll in stretched(self._source):
                self._crew.give(stretches.as_work(given, packets, pre_roll), self._take)
                given += 1
                while given - done > _STRETCHES_AHEAD * len(self._crew) or self._held_bytes > _MOST_HELD_BYTES:
                    yield from self._next(done, on_position)
                    done += 1
            while done < given:
                yield from self._next(done, on_position)
                done += 1
            check_declared(self._source, self.sample_count, self.sample_rate)
            self._check_ends()
        except (ConversionError, av.FFmpegError) as error:
            raise Unstitchable(str(error)) from error

    def _check_ends(self) -> None:
        marks = marks_of(self._source, 0, self._source.stream)
        if marks is not None and marks.last is not None and marks.last.granule != self.sample_count:
            raise Unstitchable("its granules say that it begins or ends elsewhere")

    def _take(self, result: Message) -> None:
        heard = stretches.as_heard(result)
        pcm = memoryview(result.parts[0])
        self._heard[heard.number] = heard, pcm
        self._held_bytes += len(pcm)

    def _next(self, number: int, on_position: Callable[[float], None]) -> Iterator[AudioFrame]:
        while number not in self._heard:
            self._crew.wait(self._take)
        heard, pcm = self._heard.pop(number)
        self._held_bytes -= len(pcm)
        if not self.sample_rate:
            self.sample_rate, self.channels, self.channel_layout = (
                heard.sample_rate,
                heard.channels,
                heard.channel_layout,
            )
        form = (heard.sample_rate, heard.channels, heard.channel_layout)
        self.sample_count += heard.samples
        if heard.broken or form != (self.sample_rate, self.channels, self.channel_layout):
            raise Unstitchable(f"{heard.broken} packets of stretch {number} aren't as they should be")
        if self.sample_count > self._longest_seconds * self.sample_rate:
            raise Unstitchable("it is longer than is allowed")
        on_position(self.sample_count / self.sample_rate)
        yield from _frames(self._plan, pcm)


def _frames(plan: Plan, pcm: memoryview) -> Iterator[AudioFrame]:
    block_bytes = AudioFormat(plan.sample_format).bytes * plan.channels
    for at in range(0, len(pcm), _FRAME_SAMPLES * block_bytes):
        part = pcm[at : at + _FRAME_SAMPLES * block_bytes]
        frame = AudioFrame(plan.sample_format, plan.channel_layout, len(part) // block_bytes)
        frame.sample_rate = plan.sample_rate
        frame.time_base = Fraction(1, plan.sample_rate)
        next(planes(frame))[:] = part
        yield frame
