"""Bring decoded frames into the encoder's sample rate, channel layout and sample format."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout

from soundmill.engine.pcm.crowds import MIXED, MOST_NAMED, beginning_with, can_be_dithered, mix
from soundmill.engine.pcm.filtering import Filter, FilterChain
from soundmill.engine.pcm.layouts import beside, in_order, is_nameless
from soundmill.engine.pcm.planes import cut, planes
from soundmill.engine.pcm.silence import Form, form_of, silence
from soundmill.engine.plan import LAYOUTS, Plan

# Where any size will do: each frame costs some calls on its way.
_LARGE_FRAME_SAMPLES = 8192
# Twice FFmpeg's own filter length, and the pass band up to 0.97 of the half rate: PyAV's wheels come without soxr.
_LONG_FILTER = "filter_size=64:cutoff=0.97"
# At the lower of both rates. With less than its filter's length the resampler gives nothing at all: silence fills it up, and is cut off again.
_RESAMPLER_SAMPLES = 128

_CODED_BITS, _UPPER_BITS = 24, np.uint32(0xFFFFFF00)


class Reshaper:
    """Feed frames, get frames with pts that count samples from 0. Follows a source that changes its form midway."""

    def __init__(self, plan: Plan, frame_samples: int) -> None:
        """``frame_samples`` is how many samples each frame must have (the last may be shorter); 0 for any."""
        self._plan = plan
        self._frame_samples = frame_samples or _LARGE_FRAME_SAMPLES
        self._time_base = Fraction(1, plan.sample_rate)
        self._chain: FilterChain | None = None
        # Lossy encoders take frames of their own length, into which a decoder's small ones are cut for more than gathering them costs.
        is_lossy = bool(plan.encoder) and not plan.is_lossless
        is_left_alone = not (frame_samples or is_lossy or plan.silent_tail or plan.channel_order or plan.dither)
        self._wanted = (plan.sample_rate, plan.channel_layout, plan.sample_format) if is_left_alone else None
        # Between integers and floats stand bits that the encoder has no place for.
        self._is_longer = plan.raw_bits == _CODED_BITS and plan.sample_format.startswith("s32")
        self.sample_count = 0

    def feed(self, frame: AudioFrame) -> Iterable[AudioFrame]:
        """Take one frame; give those that are ready."""
        form = form_of(frame)
        if form == self._wanted:
            return (*self._end(silent_samples=0), self._numbered(frame))
        ended: tuple[AudioFrame, ...] = ()
        if self._chain is None or self._chain.form != form:
            ended = tuple(self._end(silent_samples=0))
            self._chain = FilterChain(form, _filters(form, self._plan), self._frame_samples)
        return (*ended, *self._pulled(self._chain)) if self._chain.push(frame) else ended

    def flush(self) -> Iterator[AudioFrame]:
        """What is still inside, and the plan's silent tail; call it at the end."""
        yield from self._end(self._plan.silent_tail)

    def _end(self, silent_samples: int) -> Iterator[AudioFrame]:
        if self._chain is None:
            return
        ending, self._chain = self._chain, None
        rate = ending.form[0]
        if rate != self._plan.sample_rate:
            silent_samples = math.ceil(silent_samples * rate / self._plan.sample_rate)
        least = math.ceil(_RESAMPLER_SAMPLES * max(1, rate / self._plan.sample_rate))
        lacking = least - ending.sample_count - silent_samples
        if rate == self._plan.sample_rate or lacking <= 0:
            self._fill_up(ending, silent_samples)
            yield from self._pulled(ending)
            return
        most = math.ceil((ending.sample_count + silent_samples) * self._plan.sample_rate / rate)
        self._fill_up(ending, silent_samples + lacking)
        for frame in ending.pull():
            if most > 0:
                yield self._numbered(cut(frame, 0, min(most, frame.samples)))
            most -= frame.samples

    def _fill_up(self, ending: FilterChain, silent_samples: int) -> None:
        if silent_samples > 0:
            ending.push(silence(ending.form, silent_samples))
        ending.end()

    def _pulled(self, chain: FilterChain) -> Iterator[AudioFrame]:
        return map(self._numbered, chain.pull())

    def _numbered(self, frame: AudioFrame) -> AudioFrame:
        if self._is_longer:
            _cut_off(frame)
        frame.pts = self.sample_count
        frame.time_base = self._time_base
        self.sample_count += frame.samples
        return frame


def _filters(form: Form, plan: Plan) -> Iterator[Filter]:
    rate, layout, _ = form
    yield from _names(layout, plan)
    yield "aresample", _resample_arguments(plan, rate)
    wanted = f"sample_fmts={plan.sample_format}:sample_rates={plan.sample_rate}:channel_layouts={plan.channel_layout}"
    yield "aformat", wanted
    if plan.channel_order:
        yield "channelmap", f"{_listed(plan.channel_order)}:{plan.channel_layout}"


def _names(layout: str, plan: Plan) -> Iterator[Filter]:
    """Channels in the order of their names; and names for those that have none: FFmpeg would guess others, and mix these into the plan's."""
    count = AudioLayout(layout).nb_channels
    if count > MOST_NAMED:
        yield from _crowd(layout, count, plan)
        return
    if plan.channels > MOST_NAMED and is_nameless(plan.channel_layout):
        yield "pan", beginning_with(count, plan.channel_layout)
        return
    if (standing := in_order(layout)) is not None:
        layout, order = standing
        yield "channelmap", f"{_listed(order)}:{layout}"
    elif " channels" in layout or layout.startswith("ambisonic "):  # no filter mixes the latter
        layout = _name(count, plan)
        yield "channelmap", f"{_listed(range(count))}:{layout}"
    if (moved := beside(layout, plan.channel_layout)) is not None:
        layout, order = moved
        yield "channelmap", f"{_listed(order)}:{layout}"


def _crowd(layout: str, count: int, plan: Plan) -> Iterator[Filter]:
    if plan.channels in MIXED:
        yield "pan", mix(layout, plan.channels)
    elif count < plan.channels:
        yield "pan", beginning_with(count, plan.channel_layout)
    elif layout != plan.channel_layout and plan.channels == count:
        yield "channelmap", f"{_listed(range(count))}:{plan.channel_layout}"


def _name(count: int, plan: Plan) -> str:
    if plan.source_layout and AudioLayout(plan.source_layout).nb_channels == count:
        return plan.source_layout
    return plan.channel_layout if plan.channels == count else LAYOUTS[count]


def _listed(channels: Iterable[int]) -> str:
    return "|".join(map(str, channels))


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
    if plan.dither and (plan.channels <= MOST_NAMED or can_be_dithered(plan.channel_layout)):
        arguments.append("dither_method=triangular")
        if plan.raw_bits:
            arguments.append(f"output_sample_bits={plan.raw_bits}")
    return ":".join(arguments)
