"""Nobody hears where one piece ends and the next begins; and the measure would notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soundmill.engine import Converted, Mill
from tests.seams.__main__ import cases
from tests.seams.measure import CODINGS, Coding, Pair, compare, encode
from tests.seams.sounds import SOUNDS, speech
from tests.sounds import Samples, write


@pytest.fixture(scope="module")
def mill() -> Iterator[Mill]:
    with Mill() as made:
        yield made


@pytest.mark.parametrize(
    ("to", "kind"), [("ogg", "steady"), ("mp3", "odd"), ("mp3", "speech"), ("opus", "odd"), ("m4a", "odd")]
)
def test_a_sound_in_pieces_is_as_long_and_as_good(mill: Mill, tmp_path: Path, to: str, kind: str) -> None:
    coding = next(each for each in CODINGS if each.target == to)
    original = SOUNDS[kind](44_100, 2)
    pair = encode(mill, write(tmp_path / "a.wav", original), tmp_path, coding)
    figures = compare(pair, original, 44_100, coding)
    assert figures.faults == ()
    # What Opus and AAC decide depends on what they decided long ago: other bits, as good.
    assert to in ("opus", "m4a") or figures.identical > 0.9
    if to in ("ogg", "m4a"):  # else it wasn't in pieces: Ogg's differ in their pages
        assert pair.serial.path.read_bytes() != pair.split.path.read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("kind", "rate", "channels"), list(cases()))
def test_every_sound_in_pieces_is_as_long_and_as_good(
    mill: Mill, tmp_path: Path, kind: str, rate: int, channels: int
) -> None:
    original = SOUNDS[kind](rate, channels)
    source = write(tmp_path / "a.wav", original, rate)
    for coding in CODINGS:
        figures = compare(encode(mill, source, tmp_path, coding), original, rate, coding)
        assert figures.faults == (), str(coding)


RATE = 8_000


def clicked(sound: Samples) -> Samples:
    """Where the second piece begins."""
    out = sound.copy()
    out[20 * RATE + 100] += 0.3
    return out


def rougher(sound: Samples) -> Samples:
    """For a second from there on."""
    out = sound.copy()
    out[20 * RATE : 21 * RATE] += 0.01 * np.random.default_rng(5).standard_normal((RATE, sound.shape[1]))
    return out


@pytest.mark.parametrize(
    ("change", "fault"),
    [(lambda sound: sound, ""), (clicked, "click"), (rougher, "seams"), (lambda sound: sound[:-1], "instead")],
)
def test_the_measure_sees_what_is_wrong(
    mill: Mill, tmp_path: Path, change: Callable[[Samples], Samples], fault: str
) -> None:
    original = speech(RATE, 1)
    noise = 0.002 * np.random.default_rng(4).standard_normal(original.shape)
    made = encode(mill, write(tmp_path / "a.wav", original, RATE), tmp_path, Coding("flac")).serial
    changed = change(original + noise)
    facts = replace(made.report.result, sample_count=len(changed))
    pair = Pair(
        Converted(write(tmp_path / "serial.wav", original + noise, RATE, "FLOAT"), made.report),
        Converted(write(tmp_path / "split.wav", changed, RATE, "FLOAT"), replace(made.report, result=facts)),
    )
    faults = " ".join(compare(pair, original, RATE, Coding("opus")).faults)
    assert fault in faults
    assert bool(faults) is bool(fault)
