"""AMR of telephones that send nothing while nobody speaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.engine.conftest import Convert
from tests.sounds import decoded

SPEECH, NOISE, NOTHING = range(3)
# The first byte, whose four bits from the second on are a frame's number, and how many bytes follow: 12.2 and 23.05 kbit/s.
NARROW = {SPEECH: (0x3C, 31), NOISE: (0x44, 5), NOTHING: (0x7C, 0)}
WIDE = {SPEECH: (0x3C, 58), NOISE: (0x4C, 5), NOTHING: (0x7C, 0)}


@pytest.mark.parametrize(("head", "frames", "rate"), [(b"#!AMR\n", NARROW, 8000), (b"#!AMR-WB\n", WIDE, 16_000)])
def test_pauses_of_amr_are_silent(
    tmp_path: Path, convert: Convert, head: bytes, frames: dict[int, tuple[int, int]], rate: int
) -> None:
    random = np.random.default_rng(1)
    source = tmp_path / "a.amr"
    said = [SPEECH] * 10 + [NOISE] + [NOTHING] * 7 + [NOISE] + [NOTHING] + [SPEECH] * 10
    source.write_bytes(head + b"".join(bytes([frames[each][0]]) + random.bytes(frames[each][1]) for each in said))
    made = convert(source, "wav")
    count = rate // 50
    assert made.report.source.sample_count == len(said) * count
    heard = decoded(made.path, 1, rate)[:, 0]
    assert not heard[10 * count : 20 * count].any()
    assert heard[: 10 * count].any()
    assert heard[20 * count :].any()
    assert made.report.not_carried == ("the noise in pauses of speech (10 frames without speech are silent)",)
