"""How loud a sound is: EBU R 128 with the true peak of ITU-R BS.1770, by FFmpeg's ``ebur128`` filter."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Protocol

import av
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.filter.context import FilterContext

from soundmill.model.sound import Loudness

_FRAMES_A_PULL = 32
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
        self._entry: FilterContext | None = None
        self._exit: FilterContext | None = None
        self._said: dict[str, str] = {}
        self._pushed = 0
        self._form: tuple[int, str, str] | None = None
        self._is_mixed = False

    def add(self, frame: AudioFrame) -> None:
        """See :class:`Meter`."""
        form = (frame.sample_rate, frame.layout.name, frame.format.name)
        entry = self._entry or self._open(frame)
        self._form = self._form or form
        self._is_mixed |= form != self._form
        if self._is_mixed:
            return
        kept = frame.pts, frame.time_base
        frame.pts = None
        entry.push(frame)
        frame.pts, frame.time_base = kept
        self._pushed += 1
        if self._pushed % _FRAMES_A_PULL == 0:
            self._pull()

    def result(self) -> Loudness | None:
        """Of the whole sound; ``None`` for silence and for less than 400 ms, which have no loudness."""
        if self._entry is None or self._is_mixed:
            return None
        self._entry.push(None)
        self._entry = None
        self._pull()
        integrated = float(self._said.get("lavfi.r128.I", _FLOOR_LUFS))
        peak = float(self._said.get("lavfi.r128.true_peak", 0))
        if not math.isfinite(integrated) or integrated <= _FLOOR_LUFS or peak <= 0:
            return None
        spread = float(self._said.get("lavfi.r128.LRA", 0))
        return Loudness(round(integrated, 2), round(spread, 2), round(20 * math.log10(peak), 2))

    def _open(self, frame: AudioFrame) -> FilterContext:
        graph = Graph()
        graph.threads = 1
        entry = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=Fraction(1, frame.sample_rate),
        )
        meter = graph.add("ebur128", "peak=true:metadata=1:framelog=quiet")
        self._exit = graph.add("abuffersink")
        graph.link_nodes(entry, meter, self._exit)
        graph.configure()
        self._entry = entry
        return entry

    def _pull(self) -> None:
        while self._exit is not None:
            try:
                self._said = self._exit.pull().metadata or self._said
            except (av.BlockingIOError, av.EOFError):
                return
