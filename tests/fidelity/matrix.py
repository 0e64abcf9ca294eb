"""One cell of the matrix: what must hold between a source and its result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soundmill.engine.conversion.tolerance import tolerance_for
from soundmill.model.formats import TargetFormat
from tests.fidelity.judge import Judged
from tests.fidelity.sources import Recipe
from tests.sounds import Samples

CODECS = {
    "mp3": {"mp3"},
    "wav": {"pcm_s16le", "pcm_s24le", "pcm_f32le"},
    "ogg": {"vorbis"},
    "opus": {"opus"},
    "aac": {"aac"},
    "m4a": {"aac"},
    "wma": {"wmav2"},
    "flac": {"flac"},
    "aiff": {"pcm_s16be", "pcm_s24be"},
    "alac": {"alac"},
    "mka": {"flac"},
    "webm": {"opus"},
}
_LSB = 1 / (1 << 15)
# Rounding, and the difference of two versions of a lossy codec's decoder.
_ROUNDED = 1.6 * _LSB
# Rounding and triangular dither of two units in the last place.
_DITHERED_24 = 2.1 / (1 << 23)
# The codecs' own signal-to-noise ratios lie far above; another channel, a shift or a gap far below.
_LEAST_CORRELATION = 0.97
# Channels and channel of 5.1 that codecs cut off above 120 Hz.
_LOW_FREQUENCIES = (6, 3)
_UNTOLD_DELAY = frozenset({"aac", "wma"})


type Pair = tuple[Samples, Samples]


@dataclass(frozen=True)
class Cell:
    """``sign`` is what the table shows; ``faults`` is empty when all holds."""

    sign: str
    faults: tuple[str, ...]
    not_carried: tuple[str, ...] = ()


def compare(
    recipe: Recipe, target: TargetFormat, source: Judged, result: Judged, heard: Pair, not_carried: tuple[str, ...]
) -> Cell:
    """Compare a result with its source. ``heard`` is the sound of both in one form."""
    faults = [*_form_faults(target, source, result, not_carried)]
    sign, fault = _sound(recipe, target, source, result, heard, not_carried)
    if fault:
        faults.append(fault)
    faults += _said_faults(source, result, not_carried)
    return Cell("NO" if faults else sign, tuple(faults), not_carried)


def _form_faults(target: TargetFormat, source: Judged, result: Judged, not_carried: tuple[str, ...]) -> tuple[str, ...]:
    faults = []
    if result.codec not in CODECS[target.name]:
        faults.append(f"codec {result.codec}")
    if result.channels != source.channels and not any("channels" in each for each in not_carried):
        faults.append(f"{result.channels} of {source.channels} channels, and not said")
    if result.rate < source.rate and target.codec != "opus" and not any("sample rate" in each for each in not_carried):
        faults.append(f"{result.rate} Hz instead of {source.rate}, and not said")
    return tuple(faults)


def _sound(
    recipe: Recipe, target: TargetFormat, source: Judged, result: Judged, heard: Pair, not_carried: tuple[str, ...]
) -> tuple[str, str]:
    """The table's sign, and what is wrong with the sound."""
    same_form = (source.rate, source.channels) == (result.rate, result.channels)
    if target.lossless and same_form:
        return _exactness(recipe, source.sound, result.sound, not_carried)
    sign, fault = _length(target, source, result)
    return sign, fault or _likeness(target, *heard)


def _exactness(recipe: Recipe, source: Samples, result: Samples, not_carried: tuple[str, ...]) -> tuple[str, str]:
    if source.shape != result.shape:
        return "", f"{len(result)} samples instead of {len(source)}"
    if np.array_equal(source, result):
        return "=", ""
    off = float(np.max(np.abs(source - result)))
    if not recipe.is_lossless:
        return "=16", "" if off <= _ROUNDED else f"off by {off:.2g} after a lossy source"
    if any("samples (" in each for each in not_carried):
        return "=24", "" if off <= _DITHERED_24 else f"off by {off:.2g}, more than rounding"
    return "", f"PCM differs by {off:.2g}"


def _length(target: TargetFormat, source: Judged, result: Judged) -> tuple[str, str]:
    found = len(result.sound)
    expected = len(source.sound) * result.rate / source.rate
    rounding = 0 if source.rate == result.rate else 1
    if abs(found - expected) <= rounding:
        return "n", ""
    if tolerance_for(target.name).allows(round(expected), found):
        return f"n{found - round(expected):+d}", ""
    return "", f"{found} samples instead of {expected:.1f}"


def _likeness(target: TargetFormat, source: Samples, heard: Samples) -> str:
    """ADTS and ASF can't say the encoder's delay: there it is looked for."""
    if target.name in _UNTOLD_DELAY:
        source, heard = _aligned(source, heard)
    length = min(len(source), len(heard))
    with np.errstate(invalid="ignore"):  # a silent channel correlates with nothing: it is found below
        likenesses = [
            float(np.corrcoef(source[:length, channel], heard[:length, channel])[0, 1])
            for channel in range(source.shape[1])
            if (source.shape[1], channel) != _LOW_FREQUENCIES
        ]
    worst = float(np.min(likenesses))  # NaN where one is
    return "" if worst >= _LEAST_CORRELATION else f"it sounds unlike the source (correlation {worst:.2f})"


def _aligned(one: Samples, other: Samples) -> tuple[Samples, Samples]:
    """Both from where their cross-correlation is greatest."""
    size = 1 << (len(one) + len(other)).bit_length()
    spectrum = np.fft.rfft(other[:, 0], size) * np.conj(np.fft.rfft(one[:, 0], size))
    shift = int(np.argmax(np.fft.irfft(spectrum, size)))
    return (one, other[shift:]) if shift < size // 2 else (one[size - shift :], other)


def _said_faults(source: Judged, result: Judged, not_carried: tuple[str, ...]) -> list[str]:
    faults = []
    for name, text in source.tags.items():
        kept = result.tags.get(name) == text
        if kept == (f"tag: {name}" in not_carried):
            faults.append(f"tag {name} is {'there, but said to be lost' if kept else 'lost, and not said'}")
    for name, wanted, found in (
        ("cover", source.pictures[:1], result.pictures[:1]),
        (f"pictures besides the cover ({len(source.pictures) - 1})", source.pictures[1:], result.pictures[1:]),
    ):
        if wanted and (wanted == found) == (name in not_carried):
            faults.append(f"{name} {'there, but said to be lost' if wanted == found else 'lost, and not said'}")
    if source.chapters and (source.chapters == result.chapters) == ("chapters" in not_carried):
        faults.append(f"chapters {result.chapters}, said lost: {'chapters' in not_carried}")
    return faults
