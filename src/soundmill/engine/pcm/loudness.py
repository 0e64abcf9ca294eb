"""How loud a sound is: EBU R 128 with the true peak of ITU-R BS.1770, by FFmpeg's ``ebur128`` filter."""

from __future__ import annotations

import math
from typing import Protocol

from av.audio.frame import AudioFrame

from soundmill.engine.pcm.filtering import FilterChain
from soundmill.engine.pcm.silence import form_of
from soundmill.model.sound import Loudness

# The filter's gate and floor (EBU Tech 3341): so much is said of silence, and of what is shorter than a block of 400 ms.
_FLOOR_LUFS = -70.0


class Meter(Protocol):
    """Hears every frame of a sound, in order."""

    def add(self, frame: AudioFrame) -> None:
        """The next frame. Its pts are left as they are."""
        ...

    def result(self) -> Loudness | None:
        """What it was, once it has ended."""
        ...


class PartMeter:
    """Implements :class:`Meter` for one of several files that together are the sound that ``whole`` hears."""

    def __init__(self, whole: Meter) -> None:
        """``whole`` is asked for its result behind the last part."""
        self.add = whole.add

    def result(self) -> None:
        """A part has no loudness of its own."""


class LoudnessMeter:
    """Implements :class:`Meter`. A sound that changes its form midway isn't measured."""

    def __init__(self) -> None:
        self._chain: FilterChain | None = None
        self._said: dict[str, str] = {}
        self._is_mixed = False

    def add(self, frame: AudioFrame) -> None:
        """See :class:`Meter`."""
        form = form_of(frame)
        if self._chain is None:
            self._chain = FilterChain(form, [("ebur128", "peak=true:metadata=1:framelog=quiet")])
        self._is_mixed |= form != self._chain.form
        if self._is_mixed:
            return
        kept = frame.pts, frame.time_base
        is_time = self._chain.push(frame)
        frame.pts, frame.time_base = kept
        if is_time:
            self._pull(self._chain)

    def result(self) -> Loudness | None:
        """Of the whole sound; ``None`` for silence and for less than 400 ms, which have no loudness."""
        if self._chain is None or self._is_mixed:
            return None
        self._chain.end()
        self._pull(self._chain)
        integrated = float(self._said.get("lavfi.r128.I", _FLOOR_LUFS))
        peak = float(self._said.get("lavfi.r128.true_peak", 0))
        if not math.isfinite(integrated) or integrated <= _FLOOR_LUFS or peak <= 0:
            return None
        spread = float(self._said.get("lavfi.r128.LRA", 0))
        return Loudness(round(integrated, 2), round(spread, 2), round(20 * math.log10(peak), 2))

    def _pull(self, chain: FilterChain) -> None:
        for heard in chain.pull():
            self._said = heard.metadata or self._said
