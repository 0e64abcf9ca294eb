"""The outline of a sound, taken on the way: the lowest and highest sample of each of some thousand columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame

from soundmill.engine.pcm.planes import SAMPLE_TYPES, buffers
from soundmill.engine.pcm.silence import Form, form_of
from soundmill.model.waveform import MOST_COLUMNS, Waveform

type _Values = npt.NDArray[Any]
type _Extremes = npt.NDArray[Any]
"""Shape (2, n): the lowest and the highest, in the sound's own scale."""

# Both are powers of two, so that turns end where columns do, however wide they have become. A call of NumPy's for every frame
# would cost more than the work in it.
_NARROWEST_COLUMN = 64
_SAMPLES_A_TURN = 1 << 15


class PeakMeter:
    """Give it every frame of a sound. Its memory doesn't depend on how long that is: columns get wider when there are too many.

    A sound that changes its form midway has no waveform.
    """

    def __init__(self) -> None:
        self._form: Form | None = None
        self._is_mixed = False
        self._sample_values = self._sample_bytes = 0
        self._pieces: list[tuple[bytes, ...]] = []
        self._samples = 0
        self._column = _NARROWEST_COLUMN
        self._columns: _Extremes = np.empty((2, 0), np.int8)
        self._open: _Extremes = np.empty((2, 0), np.int8)

    def add(self, frame: AudioFrame) -> None:
        """See one frame."""
        form = form_of(frame)
        if form != self._form:
            self._is_mixed |= self._form is not None
            self._begin(form, frame)
        if self._is_mixed:
            return
        size = frame.samples * self._sample_bytes
        self._pieces.append(tuple([bytes(memoryview(plane)[:size]) for plane in buffers(frame)]))
        self._samples += frame.samples
        if self._samples >= _SAMPLES_A_TURN:
            self._take_turns()

    def result(self) -> Waveform | None:
        """Of the whole sound; ``None`` where there is nothing to draw."""
        if self._form is None or self._is_mixed:
            return None
        if self._samples:
            self._take(self._joined())
        if self._open.shape[1]:
            self._append(_extremes(self._open, self._open.shape[1]))
        while self._columns.shape[1] > MOST_COLUMNS:
            self._widen()
        return Waveform(self._form[0], self._column, _as_bytes(self._columns).T.tobytes())

    def _begin(self, form: Form, frame: AudioFrame) -> None:
        self._form = form
        self._sample_values = 1 if frame.format.is_planar else frame.layout.nb_channels
        self._sample_bytes = self._sample_values * frame.format.bytes
        self._columns = self._open = np.empty((2, 0), _type_of(form))

    def _take_turns(self) -> None:
        planes = self._joined()
        turn, turns = _SAMPLES_A_TURN * self._sample_values, self._samples // _SAMPLES_A_TURN
        for number in range(turns):
            self._take([each[number * turn : (number + 1) * turn] for each in planes])
        self._samples %= _SAMPLES_A_TURN
        self._pieces = [tuple([each[turns * turn :].tobytes() for each in planes])] if self._samples else []

    def _joined(self) -> list[_Values]:
        kind = _type_of(self._form) if self._form else np.uint8
        return [np.frombuffer(b"".join(each), kind) for each in zip(*self._pieces, strict=True)]

    def _take(self, planes: list[_Values]) -> None:
        """One turn, or what is left at the end."""
        row = min(self._column, _SAMPLES_A_TURN) * self._sample_values
        lowest = np.minimum.reduce([_by_rows(np.minimum, each, row) for each in planes])
        highest = np.maximum.reduce([_by_rows(np.maximum, each, row) for each in planes])
        found = np.stack([lowest, highest])
        if self._column <= _SAMPLES_A_TURN:
            self._append(found)
            return
        self._open = np.concatenate([self._open, found], axis=1)
        if self._open.shape[1] * _SAMPLES_A_TURN == self._column:
            self._append(_extremes(self._open, self._open.shape[1]))
            self._open = self._open[:, :0]

    def _append(self, columns: _Extremes) -> None:
        self._columns = np.concatenate([self._columns, columns], axis=1)
        while self._columns.shape[1] >= MOST_COLUMNS and self._columns.shape[1] % 2 == 0:
            self._widen()

    def _widen(self) -> None:
        self._columns = _extremes(self._columns, 2)
        self._column *= 2


class Drawings:
    """The meters of one conversion: for the source, and for what goes into the encoder where that is something else."""

    def __init__(self, *, is_wanted: bool, is_edited: bool = False) -> None:
        self.source = PeakMeter() if is_wanted else None
        self._edited = PeakMeter() if is_wanted and is_edited else None

    def seen(self, frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
        """``frames`` on their way to the encoder."""
        return _seen_by(self._edited, frames)

    def seen_by_source(self, frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
        """``frames`` of the source, where nothing else shows them to :attr:`source`."""
        return _seen_by(self.source, frames)

    def of_source(self) -> Waveform | None:
        """What the source looks like."""
        return None if self.source is None else self.source.result()

    def of_result(self) -> Waveform | None:
        """What the result looks like, where it isn't what the source does."""
        return None if self._edited is None else self._edited.result()


def _seen_by(meter: PeakMeter | None, frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    for frame in frames:
        if meter is not None:
            meter.add(frame)
        yield frame


def _type_of(form: Form) -> type[np.generic]:
    return SAMPLE_TYPES[form[2].removesuffix("p")]


def _extremes(narrow: _Extremes, factor: int) -> _Extremes:
    """So many columns become one; the last may have fewer."""
    return np.stack([_by_rows(np.minimum, narrow[0], factor), _by_rows(np.maximum, narrow[1], factor)])


def _by_rows(function: np.ufunc, values: _Values, row: int) -> _Values:
    """Of each ``row`` values; the last row may be shorter."""
    whole = len(values) // row * row
    found: _Values = function.reduce(values[:whole].reshape(-1, row), axis=1)
    return found if whole == len(values) else np.append(found, function.reduce(values[whole:]))


def _as_bytes(values: _Values) -> npt.NDArray[np.int8]:
    """Rounded down, as audiowaveform does."""
    if values.dtype.kind == "f":
        return np.floor(np.clip(np.nan_to_num(values), -1, 127 / 128) * 128).astype(np.int8)
    if values.dtype == np.uint8:
        return (values.astype(np.int16) - 128).astype(np.int8)
    return (values >> 8 * (values.dtype.itemsize - 1)).astype(np.int8)
