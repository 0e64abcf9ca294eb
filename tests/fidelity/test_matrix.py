"""The judge sees what is wrong: each fault is made on purpose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soundmill.model.formats import FORMATS
from tests.fidelity.judge import Judged
from tests.fidelity.matrix import Cell, compare
from tests.fidelity.sources import RECIPES
from tests.sounds import music

SOURCE = Judged("pcm_s16le", 44_100, 2, music(0.5), {"title": "A"}, (b"cover", b"back"), ((0, "One"),))
FLAC = replace(SOURCE, codec="flac")
LOST = ("cover", "pictures besides the cover (1)")
WAV16 = next(each for each in RECIPES if each.name == "wav16")


def compared(to: str, result: Judged, *not_carried: str) -> Cell:
    return compare(WAV16, FORMATS[to], SOURCE, result, (SOURCE.sound, result.sound), not_carried)


def test_what_is_equal_holds() -> None:
    assert compared("flac", FLAC) == Cell("=", ())
    assert compared("mp3", replace(SOURCE, codec="mp3")) == Cell("n", ())
    assert compared("flac", replace(FLAC, pictures=()), *LOST) == Cell("=", (), LOST)


@pytest.mark.parametrize(
    ("to", "result", "not_carried", "fault"),
    [
        ("flac", replace(FLAC, codec="alac"), (), "codec"),
        ("flac", replace(FLAC, sound=SOURCE.sound[:-1]), (), "samples instead"),
        ("flac", replace(FLAC, sound=SOURCE.sound + 1e-9), (), "PCM differs"),
        ("mp3", replace(SOURCE, codec="mp3", sound=SOURCE.sound[:-1]), (), "samples instead"),
        ("mp3", replace(SOURCE, codec="mp3", sound=np.roll(SOURCE.sound, 50, axis=0)), (), "unlike"),
        ("mp3", replace(SOURCE, codec="mp3", sound=SOURCE.sound[:, ::-1]), (), "unlike"),
        ("mp3", replace(SOURCE, codec="mp3", sound=SOURCE.sound * [1, 0]), (), "unlike"),
        ("mp3", replace(SOURCE, codec="mp3", sound=SOURCE.sound * [0, 1]), (), "unlike"),
        ("flac", replace(FLAC, tags={}), (), "tag title is lost"),
        ("flac", FLAC, ("tag: title",), "said to be lost"),
        ("flac", replace(FLAC, pictures=()), (), "cover lost"),
        ("flac", replace(FLAC, pictures=SOURCE.pictures[:1]), (), "pictures besides the cover (1) lost"),
        ("flac", FLAC, LOST, "said to be lost"),
        ("flac", replace(FLAC, chapters=()), (), "chapters"),
    ],
)
def test_a_fault_is_found(to: str, result: Judged, not_carried: tuple[str, ...], fault: str) -> None:
    cell = compared(to, result, *not_carried)
    assert cell.sign == "NO"
    assert fault in " ".join(cell.faults)
