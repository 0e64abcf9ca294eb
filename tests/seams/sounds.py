"""A minute and a bit of each kind of sound that a seam could be heard in: shape (samples, channels)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.sounds import Samples, music, tones

SECONDS = 65
_SPEECH_SECONDS = 13
_SYLLABLES_A_SECOND = 4
# The first three resonances of a, e, i, o, u in Hz, and how wide they are.
_FORMANTS = np.array([(730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240)])
_FORMANT_WIDTH = 120.0
_MOST_HARMONICS = 30


def silence(rate: int, channels: int) -> Samples:
    """Nothing."""
    return np.zeros((SECONDS * rate, channels))


def clicks(rate: int, channels: int) -> Samples:
    """One each 0.3 s in silence: the hardest thing for transforms, and for a seam."""
    out = silence(rate, channels)
    out[:: round(0.3 * rate)] = 0.8
    return out


def songs(rate: int, channels: int) -> Samples:
    """Ten seconds of other music after every ten."""
    pieces = [music(10.0, rate, channels, seed) for seed in range(-(-SECONDS // 10))]
    return np.concatenate(pieces)[: SECONDS * rate]


def odd(rate: int, channels: int) -> Samples:
    """Of a length that is no multiple of anything."""
    return songs(rate, channels)[: 61 * rate + 4321]


def steady(rate: int, channels: int) -> Samples:
    """A transient or more, and then none: Vorbis' blocks don't come into step by themselves."""
    still = tones([440.0, 550.0][:channels], SECONDS - 30.0, rate)
    return np.concatenate([songs(rate, channels)[: 25 * rate], still, songs(rate, channels)[: 5 * rate]])


def speech(rate: int, channels: int) -> Samples:
    """Like somebody who talks: voiced syllables with formants, a hiss before each, pauses between sentences."""
    random = np.random.default_rng(3)
    time = np.arange(_SPEECH_SECONDS * rate) / rate
    syllable = (time * _SYLLABLES_A_SECOND).astype(int)
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.4 * time) + 10 * np.sin(2 * np.pi * 2.1 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formants = _FORMANTS[random.integers(0, len(_FORMANTS), syllable[-1] + 1)][syllable]
    voice = np.zeros(len(time))
    for harmonic in range(1, min(_MOST_HARMONICS, int(rate / 2 / 160)) + 1):
        distance = (harmonic * pitch[:, np.newaxis] - formants) / _FORMANT_WIDTH
        voice += np.sum(1 / (1 + distance**2), axis=1) * np.cos(harmonic * phase)
    within = time * _SYLLABLES_A_SECOND % 1
    hiss = 0.3 * random.standard_normal(len(time)) * (within < 0.15)
    loudness = np.sin(np.pi * within) * (syllable % 13 < 10)
    said = 0.15 * voice * loudness + 0.3 * hiss * (syllable % 13 < 10)
    whole = np.tile(np.clip(said, -0.8, 0.8), SECONDS // _SPEECH_SECONDS)
    return np.repeat(whole[:, np.newaxis], channels, axis=1)


SOUNDS: dict[str, Callable[[int, int], Samples]] = {
    "songs": songs,
    "speech": speech,
    "silence": silence,
    "clicks": clicks,
    "odd": odd,
    "steady": steady,
}
