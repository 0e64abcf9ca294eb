"""Where a sound pauses: it can be divided there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from av.audio.frame import AudioFrame
from av.rational import AVRational

from soundmill.engine.conversion.divide import MOST_PARTS
from soundmill.engine.plan import Plan
from soundmill.engine.shaping.edit import Editor, Edits
from soundmill.engine.shaping.silent_ends import loud_samples
from soundmill.model.edits import DEFAULT_SHORTEST_PAUSE, DEFAULT_SILENCE_THRESHOLD
from soundmill.model.options import ConversionOptions

if TYPE_CHECKING:
    from av.container.core import Chapter  # in PyAV's stubs only


def pieces_between_pauses(
    edits: Edits, options: ConversionOptions, plan: Plan, frames: Iterable[AudioFrame]
) -> list[Chapter]:
    """A nameless chapter from the middle of each pause to that of the next, within what ``edits`` leave of ``frames``."""
    threshold = DEFAULT_SILENCE_THRESHOLD if options.silence_threshold is None else options.silence_threshold
    pause = DEFAULT_SHORTEST_PAUSE if options.shortest_silence is None else options.shortest_silence
    shortest = max(1, round(pause * edits.rate))
    begins, position = [edits.start], edits.start
    heard = np.empty(0, np.intp)
    for frame in Editor(Edits(edits.rate, edits.start, edits.end, only_cut=True), plan).edited(frames):
        # What was loud last, then what is loud in this frame: between neighbours that are far from each other is a pause.
        heard = np.concatenate([heard[-1:], position + loud_samples(frame, threshold)])
        pauses = np.flatnonzero(np.diff(heard) > shortest)
        begins += [(int(heard[each]) + 1 + int(heard[each + 1])) // 2 for each in pauses]
        position += frame.samples
        if len(begins) > MOST_PARTS:
            break
    ends = [*begins[1:], position]
    return [
        {"id": number, "start": begin, "end": end, "time_base": AVRational(1, edits.rate), "metadata": {}}
        for number, (begin, end) in enumerate(zip(begins, ends, strict=True))
    ]
