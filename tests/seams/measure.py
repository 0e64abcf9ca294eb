"""How far a sound that was encoded in pieces is from its serial encode and from the original, at the seams and between them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from soundmill.engine import Converted, Job, Mill
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.sounds import Samples, decoded

ENCODERS = 2
_PIECE_SECONDS = 20  # the shortest; those of a minute's sound
_BEFORE_A_SEAM_SECONDS = 0.1
# An encoder's overlap is 2 s at most, but 3.5 s for MP3: 48 frames at 8 kHz.
_BEHIND_A_SEAM_SECONDS, _BEHIND_A_SEAM_OF_MP3_SECONDS = 2.9, 3.9
_SPANS_A_SECOND = 100
# Below 16 bits nothing is heard, and there is nothing to compare with in silence.
_FLOOR = 1e-9
_MOST_AT_SEAMS = 1.25
_MOST_OVER_ALL = 1.05
# FFmpeg's AAC encoder remembers so much that two of them, one begun half a minute later, differ by more than 1 dB for seconds.
_MOST_OVER_ALL_AAC = 1.12
_AAC = frozenset({"m4a", "aac"})
_ADTS_DELAY = 1024  # it has no place to say so
_MOST_OF_WORST = 1.2


@dataclass(frozen=True)
class Coding:
    """A target with options. ``is_same`` where a decoder must not find any difference."""

    target: str
    options: dict[str, Any] = field(default_factory=dict)
    is_same: bool = False

    def __str__(self) -> str:
        return " ".join(
            [
                self.target,
                *(f"{value:g}" if isinstance(value, int | float) else value for value in self.options.values()),
            ]
        )


CODINGS = (
    Coding("flac", is_same=True),
    Coding("alac", is_same=True),
    Coding("ogg", is_same=True),
    Coding("ogg", {"quality": 0}, is_same=True),
    Coding("mp3"),
    Coding("mp3", {"quality": 2}),
    Coding("mp3", {"bit_rate": 320_000}),
    Coding("mp3", {"bit_rate": 64_000}),
    Coding("opus"),
    Coding("opus", {"bit_rate": 80_000}),
    Coding("opus", {"bit_rate_mode": "constant"}),
    Coding("webm"),
    Coding("m4a"),
    Coding("m4a", {"bit_rate": 64_000}),
    Coding("m4a", {"bit_rate": 96_000}),
    Coding("m4a", {"bit_rate": 320_000}),
    Coding("aac"),
)


@dataclass(frozen=True)
class Pair:
    """The same sound encoded at once and in pieces."""

    serial: Converted
    split: Converted


@dataclass(frozen=True)
class Figures:
    """Shares and ratios of powers. ``faults`` are sentences; none where all is well.

    ``at_seams``, ``between`` and ``worst`` (of all spans of 10 ms) are the error against the original by that of the serial encode.
    """

    identical: float
    at_seams: float
    between: float
    worst: float
    faults: tuple[str, ...]


def encode(mill: Mill, source: Path, directory: Path, coding: Coding) -> Pair:
    """Both, each in a directory of its own below ``directory``."""
    made = []
    for encoders in (1, ENCODERS):
        job = Job(
            source,
            Path(tempfile.mkdtemp(dir=directory)),
            FORMATS[coding.target],
            ConversionOptions(**coding.options),
            encoders=encoders,
        )
        made.append(mill.convert(job, lambda fraction: True))
    return Pair(*made)


# Vorbis chooses its blocks by what it heard before: of noise no two encoders come to the same.
_MAY_BE_IN_ONE_PIECE = frozenset({"ogg"})


def compare(pair: Pair, original: Samples, rate: int, coding: Coding) -> Figures:
    """Decode both with the machine's ffmpeg and compare them."""
    channels = original.shape[1]
    delay = _ADTS_DELAY if coding.target == "aac" else 0
    serial, split = (decoded(each.path, channels, rate)[delay:] for each in (pair.serial, pair.split))
    facts = [replace(each.report.result, bit_rate=None) for each in (pair.serial, pair.split)]
    if facts[0] != facts[1] or len(serial) != len(split):
        return Figures(0, np.inf, np.inf, np.inf, (f"{facts[1]} instead of {facts[0]}",))
    powers = [_errors(each, original, rate) for each in (serial, split)]
    near = _near_seams(pair.split, coding, len(powers[0]))
    figures = Figures(
        identical=float(np.mean(serial == split)),
        at_seams=_ratio(powers[1][near].mean(), powers[0][near].mean()),
        between=_ratio(powers[1][~near].mean(), powers[0][~near].mean()),
        worst=_ratio(powers[1].max(), powers[0].max()),
        faults=(),
    )
    faults = _faults(figures, powers, coding)
    if coding.target not in _MAY_BE_IN_ONE_PIECE:
        faults += pair.split.report.remarks
    return replace(figures, faults=tuple(faults))


def _faults(figures: Figures, powers: list[Samples], coding: Coding) -> list[str]:
    faults = []
    if coding.is_same and figures.identical < 1:
        faults.append(f"{100 * (1 - figures.identical):.3f} % of the samples differ")
    if figures.at_seams > _MOST_AT_SEAMS * max(1, figures.between):
        faults.append(
            f"the error at seams is {figures.at_seams:.2f} times the serial encode's, between them {figures.between:.2f}"
        )
    most = _MOST_OVER_ALL_AAC if coding.target in _AAC else _MOST_OVER_ALL
    if _ratio(powers[1].mean(), powers[0].mean()) > most:
        faults.append("the error of the whole is larger")
    if figures.worst > _MOST_OF_WORST:
        faults.append(f"somewhere the error is {figures.worst:.2f} times the serial encode's largest: a click")
    return faults


def _ratio(ours: float, theirs: float) -> float:
    return float((ours + _FLOOR) / (theirs + _FLOOR))


def _errors(heard: Samples, original: Samples, rate: int) -> Samples:
    """The power of what differs, every 10 ms: a click at a seam stands out."""
    span = rate // _SPANS_A_SECOND
    count = min(len(heard), len(original)) // span
    differs = (heard[: count * span] - original[: count * span]).reshape(count, -1)
    return np.asarray(np.mean(differs**2, axis=1))


def _near_seams(split: Converted, coding: Coding, count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of ``count`` spans are where a piece begins."""
    seconds = _piece_seconds(coding.target, split.report.result.sample_rate)
    behind = _BEHIND_A_SEAM_OF_MP3_SECONDS if coding.target == "mp3" else _BEHIND_A_SEAM_SECONDS
    near = np.zeros(count, np.bool_)
    for number in range(1, int(count / _SPANS_A_SECOND / seconds) + 1):
        seam = number * seconds
        begin, end = (round(each * _SPANS_A_SECOND) for each in (seam - _BEFORE_A_SEAM_SECONDS, seam + behind))
        near[begin:end] = True
    return near


def _piece_seconds(target: str, rate: int) -> float:
    """Pieces are whole frames; MP3's are 49 times as many."""
    if target == "mp3":
        step = 49 * (1152 if rate >= 32_000 else 576)
    else:
        step = {"ogg": 4096, "opus": 960, "webm": 960, "m4a": 1024, "aac": 1024}.get(target, 4608)
    return _PIECE_SECONDS * rate // step * step / rate
