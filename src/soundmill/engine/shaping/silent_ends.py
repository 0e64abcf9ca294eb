"""Where a sound begins and ends, if what is quieter than a threshold is silence."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from av.audio.frame import AudioFrame

from soundmill.engine.pcm.planes import samples_of
from soundmill.engine.plan import Plan
from soundmill.engine.shaping.edit import Editor, Edits
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.edits import DEFAULT_SHORTEST_SILENCE, DEFAULT_SILENCE_THRESHOLD
from soundmill.model.options import ConversionOptions


def without_silent_ends(edits: Edits, options: ConversionOptions, plan: Plan, frames: Iterable[AudioFrame]) -> Edits:
    """``edits`` that cut silence off at both ends of what they leave of ``frames``, as far as it is long enough.

    A sample is silent where it is in every channel. Raises ``ConversionError`` with ``UNSUITABLE_OPTIONS`` where all are.
    """
    threshold = _or(options.silence_threshold, DEFAULT_SILENCE_THRESHOLD)
    shortest = _or(options.shortest_silence, DEFAULT_SHORTEST_SILENCE) * edits.rate
    cut = Editor(Edits(edits.rate, edits.start, edits.end, only_cut=True), plan)
    first, last, position = None, 0, 0
    for frame in cut.edited(frames):
        loud = loud_samples(frame, threshold)
        if loud.size:
            first = position + int(loud[0]) if first is None else first
            last = position + int(loud[-1])
        position += frame.samples
    if first is None:
        raise ConversionError(
            FailureCode.UNSUITABLE_OPTIONS,
            f"Nothing is left of the sound without its silence: all of it is quieter than {threshold:g} dBFS.",
        )
    begin = first if first >= shortest else 0
    end = last + 1 if position - last - 1 >= shortest else position
    return replace(edits, start=edits.start + begin, end=edits.start + end)


def loud_samples(frame: AudioFrame, threshold: float) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The numbers of those that reach ``threshold`` (dBFS) in a channel."""
    samples = samples_of(frame)
    if samples.dtype == np.uint8:
        samples = (samples.astype(np.int16) - 128) * 256
    level = 10 ** (threshold / 20)
    if samples.dtype.kind == "i":
        level = max(1, math.ceil(level * (1 << 8 * samples.dtype.itemsize - 1)))
    loud = (samples >= level) | (samples <= -level)
    if frame.format.is_planar:
        return np.flatnonzero(loud.any(axis=0))
    return np.flatnonzero(loud.reshape(frame.samples, -1).any(axis=1))


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
