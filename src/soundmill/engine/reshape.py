"""Bring decoded frames into the encoder's sample rate, channel layout and sample format."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.filter import Graph
from av.filter.context import FilterContext

from soundmill.engine.layouts import in_order
from soundmill.engine.plan import LAYOUTS, Plan
from soundmill.engine.planes import planes
from soundmill.engine.silence import Form, silence

# One exception a pull that finds nothing: pulling after every frame costs more than converting it.
_FRAMES_A_PULL = 32
# Where any size will do: each frame costs some calls on its way.
_LARGE_FRAME_SAMPLES = 8192
# Twice FFmpeg's own filter length, and the pass band up to 0.97 of the half rate: PyAV's wheels come without soxr.
_LONG_FILTER = "filter_size=64:cutoff=0.97"
# With less than its filter's length the resampler gives nothing at all: silence fills it up.
_RESAMPLER_SAMPLES = 128

_CODED_BITS, _UPPER_BITS = 24, np.uint32(0xFFFFFF00)


class Reshaper:
    """Feed frames, get frames with pts that count samples from 0. Follows a source that changes its form midway."""

    def __init__(self, plan: Plan, frame_samples: int) -> None:
        """``frame_samples`` is how many samples each frame must have (the last may be shorter); 0 for any."""
        self._plan = plan
        self._frame_samples = frame_samples or _LARGE_FRAME_SAMPLES
        self._time_base = Fraction(1, plan.sample_rate)
        self._chain: _Chain | None = None
        is_left_alone = not (frame_samples or plan.silent_tail or plan.channel_order or plan.dither)
        self._wanted = (plan.sample_rate, plan.channel_layout, plan.sample_format) if is_left_alone else None
        # Between integers and floats stand bits that the encoder has no place for.
        self._is_longer = plan.raw_bits == _CODED_BITS and plan.sample_format.startswith("s32")
        self.sample_count = 0

    def feed(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """Take one frame; give those that are ready."""
        form = (frame.sample_rate, frame.layout.name, frame.format.name)
        if form == self._wanted:
            yield from self._end(silent_samples=0)
            yield self._numbered(frame)
            return
        if self._chain is None or self._chain.form != form:
            yield from self._end(silent_samples=0)
            self._chain = _Chain(form, self._plan, self._frame_samples)
        if self._chain.push(frame):
            yield from self._pulled(self._chain)

    def flush(self) -> Iterator[AudioFrame]:
        """What is still inside, and the plan's silent tail; call it at the end."""
        yield from self._end(self._plan.silent_tail)

    def _end(self, silent_samples: int) -> Iterator[AudioFrame]:
        if self._chain is not None:
            self._chain.end(silent_samples)
            yield from self._pulled(self._chain)
            self._chain = None

    def _pulled(self, chain: _Chain) -> Iterator[AudioFrame]:
        return map(self._numbered, chain.pull())

    def _numbered(self, frame: AudioFrame) -> AudioFrame:
        if self._is_longer:
            _cut_off(frame)
        frame.pts = self.sample_count
        frame.time_base = self._time_base
        self.sample_count += frame.samples
        return frame


class _Chain:
    """A filter graph for frames of one form."""

    def __init__(self, form: Form, plan: Plan, frame_samples: int) -> None:
        self.form = form
        rate, layout, sample_format = form
        self._graph = Graph()
        self._graph.threads = 1
        self._time_base = Fraction(1, rate)
        self._entry = self._graph.add_abuffer(
            sample_rate=rate, format=sample_format, layout=layout, time_base=self._time_base
        )
        convert = self._graph.add("aresample", _resample_arguments(plan, rate))
        wanted = (
            f"sample_fmts={plan.sample_format}:sample_rates={plan.sample_rate}:channel_layouts={plan.channel_layout}"
        )
        self._end = self._graph.add("abuffersink")
        steps = [*self._named(layout, plan), convert, self._graph.add("aformat", wanted)]
        if plan.channel_order:
            order = "|".join(map(str, plan.channel_order))
            steps.append(self._graph.add("channelmap", f"{order}:{plan.channel_layout}"))
        self._graph.link_nodes(self._entry, *steps, self._end)
        self._graph.configure()
        self._graph.set_audio_frame_size(frame_samples)
        self._pushed = 0
        self._shortest = _RESAMPLER_SAMPLES if plan.sample_rate != rate else 0

    def _named(self, layout: str, plan: Plan) -> list[FilterContext]:
        """Channels in the order of their names; and names for those that have none: FFmpeg would guess others, and mix these into the plan's."""
        if (standing := in_order(layout)) is not None:
            name, order = standing
            return [self._graph.add("channelmap", f"{'|'.join(map(str, order))}:{name}")]
        is_nameless = " channels" in layout or layout.startswith("ambisonic ")  # no filter mixes the latter
        if not is_nameless or layout == plan.channel_layout:
            return []
        count = AudioLayout(layout).nb_channels
        name = plan.channel_layout if plan.channels == count else LAYOUTS[count]
        return [self._graph.add("channelmap", f"{'|'.join(map(str, range(count)))}:{name}")]

    def push(self, frame: AudioFrame) -> bool:
        """Take a frame; True when it is time to pull."""
        frame.pts = None
        frame.time_base = self._time_base
        self._entry.push(frame)
        self._pushed += 1
        self._shortest -= frame.samples
        return self._pushed % _FRAMES_A_PULL == 0

    def end(self, silent_samples: int) -> None:
        """No more frames will come, but for so many samples of silence."""
        silent_samples = max(silent_samples, self._shortest)
        if silent_samples > 0:
            self.push(silence(self.form, silent_samples))
        self._entry.push(None)

    def pull(self) -> Iterator[AudioFrame]:
        """Every frame that is ready."""
        while True:
            try:
                frame = self._end.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            if isinstance(frame, AudioFrame):
                yield frame


def _cut_off(frame: AudioFrame) -> None:
    """As encoders of 24 bits do: what they were given can then be compared with what a decoder gives."""
    frame.make_writable()
    for plane in planes(frame):
        samples = np.frombuffer(plane, np.uint32)
        samples &= _UPPER_BITS


def _resample_arguments(plan: Plan, source_rate: int) -> str:
    # Else a mix into fewer channels is normalised in integers and clips in floating point.
    arguments = [str(plan.sample_rate), "rematrix_maxval=1.0"]
    if plan.sample_rate != source_rate:
        arguments.append(_LONG_FILTER)
    if plan.dither:
        arguments.append("dither_method=triangular")
        if plan.raw_bits:
            arguments.append(f"output_sample_bits={plan.raw_bits}")
    return ":".join(arguments)
