"""The samples of a frame, plane by plane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.plane import AudioPlane

# AV_NUM_DATA_POINTERS of libavutil/frame.h: PyAV 19 looks for a null pointer behind so many, where none is.
_POINTERS_IN_FRAME = 8

SAMPLE_TYPES: Mapping[str, type[np.generic]] = {
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "s64": np.int64,
    "flt": np.float32,
    "dbl": np.float64,
}
"""By the names of FFmpeg's packed formats."""


def buffers(frame: AudioFrame) -> Sequence[AudioPlane]:
    """Each plane with what FFmpeg fills up its buffers with: what ``frame.planes`` gives, but for eight channels too."""
    if not frame.format.is_planar or frame.layout.nb_channels < _POINTERS_IN_FRAME:
        return frame.planes
    return tuple([AudioPlane(frame, number) for number in range(frame.layout.nb_channels)])


def planes(frame: AudioFrame) -> Iterator[memoryview]:
    """The samples of each plane of a frame, without what FFmpeg fills up its buffers with."""
    samples = frame.samples * (1 if frame.format.is_planar else frame.layout.nb_channels)
    return (memoryview(plane)[: samples * frame.format.bytes] for plane in buffers(frame))


def samples_of(frame: AudioFrame) -> np.ndarray[tuple[int, int], np.dtype[Any]]:
    """A row for each plane: what ``frame.to_ndarray()`` gives, but for eight channels too."""
    kind = SAMPLE_TYPES[frame.format.packed.name]
    return np.stack([np.frombuffer(plane, kind) for plane in planes(frame)])


def fill(wanted: Sequence[memoryview], pcm: memoryview, plane_bytes: int) -> None:
    """Put together what stands in frames one behind the other, with ``plane_bytes`` for each plane of them but the last one's."""
    if len(wanted) == 1:
        wanted[0][:] = pcm
        return
    for at in range(0, len(wanted[0]), plane_bytes):
        end = min(at + plane_bytes, len(wanted[0]))
        for number, plane in enumerate(wanted):
            begin = at * len(wanted) + number * (end - at)
            plane[at:end] = pcm[begin : begin + end - at]


def cut(frame: AudioFrame, begin: int, end: int) -> AudioFrame:
    """The samples from the one with the number ``begin`` to that before ``end``."""
    if (begin, end) == (0, frame.samples):
        return frame
    made = AudioFrame(frame.format.name, frame.layout.name, end - begin)
    sample_bytes = frame.format.bytes * (1 if frame.format.is_planar else frame.layout.nb_channels)
    for whole, part in zip(planes(frame), planes(made), strict=True):
        part[:] = whole[begin * sample_bytes : end * sample_bytes]
    made.sample_rate, made.time_base = frame.sample_rate, frame.time_base
    made.pts = None if frame.pts is None else frame.pts + begin
    return made
