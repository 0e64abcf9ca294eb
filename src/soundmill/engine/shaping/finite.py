"""Floating-point samples that are no sound: "not a number" and the infinite crash encoders, and are the loudest clicks in integers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame

from soundmill.engine.pcm.planes import planes
from soundmill.engine.plan import Plan
from soundmill.model.options import ConversionOptions

_TYPES = {"flt": np.float32, "fltp": np.float32, "dbl": np.float64, "dblp": np.float64}

STORED_AS_THEY_ARE = frozenset({"pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "wavpack"})
"""The decoders that give out what somebody wrote, whatever it is."""


def samples_above(frame: AudioFrame) -> int:
    """How many of them lie above full scale, of all channels: of integers none does."""
    kind = _TYPES.get(frame.format.name)
    if kind is None:
        return 0
    return sum(_above(np.frombuffer(plane, kind)) for plane in planes(frame))


def cut_off(above: int, plan: Plan) -> Iterator[str]:
    """What an encoder by ``plan`` makes of so many samples above full scale, named for people."""
    if above and plan.is_lossless_integer:
        yield f"{above} samples above full scale (cut off at it)"


def _is_within(values: np.ndarray[Any, np.dtype[Any]]) -> bool:
    """True where none lies above full scale: both are "not a number" where any sample is."""
    return bool(values.max(initial=0) <= 1 and values.min(initial=0) >= -1)


def _above(values: np.ndarray[Any, np.dtype[Any]]) -> int:
    return 0 if _is_within(values) else int(np.count_nonzero(np.abs(values) > 1))


class Finite:
    """Looks at every frame of a sound, and counts what no other format can hold."""

    def __init__(self) -> None:
        self._not_numbers = self._above = 0

    def mend(self, frame: AudioFrame) -> None:
        """Put silence where ``frame`` has samples that are no numbers."""
        kind = _TYPES.get(frame.format.name)
        if kind is None:
            return
        for plane in planes(frame):
            values = np.frombuffer(plane, kind)
            if not _is_within(values):
                wrong = ~np.isfinite(values)
                values[wrong] = 0
                self._not_numbers += int(np.count_nonzero(wrong))
                self._above += _above(values)

    def losses(self, plan: Plan, options: ConversionOptions) -> Iterator[str]:
        """What became of them, named for people."""
        if self._not_numbers:
            yield f"{self._not_numbers} samples that are no numbers (silence stands there)"
        if not options.edits_sound:
            yield from cut_off(self._above, plan)
