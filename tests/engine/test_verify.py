"""What a lossless encoder was given must come out of its file, to the sample."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from av.audio.frame import AudioFrame
from hypothesis import given
from hypothesis import strategies as st

from soundmill.engine.comparing.facts import decoded_sound
from soundmill.engine.conversion.verify import Expected, verify
from soundmill.engine.job import Limits
from soundmill.engine.pcm.loudness import LoudnessMeter
from soundmill.engine.pcm.sound_sum import SoundSum
from soundmill.engine.plan import Plan, make_plan
from soundmill.engine.reading.decode import Decoding
from soundmill.engine.reading.source import open_source
from soundmill.engine.tags.about import About
from soundmill.engine.writing.encode import open_encoder
from soundmill.engine.writing.encoding import encode_all
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.engine.conftest import Convert
from tests.sounds import Samples, music, write

LOSSLESS = [each.name for each in FORMATS.values() if each.lossless]
LONGEST = timedelta(hours=1)


def made(path: Path, samples: Samples, subtype: str, target: str, depth: int | None = None) -> tuple[Plan, Expected]:
    """Encoded to ``path``."""
    wav = write(path.with_name("source.wav"), samples, subtype=subtype)
    with open_source(wav) as source:
        frames = list(Decoding(source, LONGEST).frames())
        plan = make_plan(decoded_sound(source, frames[0]), FORMATS[target], ConversionOptions(bit_depth=depth))
    encoder = open_encoder(path, plan, About())
    count = encode_all(encoder, plan, iter(frames))
    return plan, Expected(count, encoder.sum, encoder.listener)


@pytest.mark.parametrize("target", LOSSLESS)
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(("subtype", "depth"), [("PCM_16", None), ("PCM_24", None), ("FLOAT", None), ("FLOAT", 24)])
def test_what_was_encoded_is_found_again(
    tmp_path: Path, target: str, channels: int, subtype: str, depth: int | None
) -> None:
    path = tmp_path / "a"
    plan, expected = made(path, music(0.7, channels=channels), subtype, target, depth)
    assert expected.sum is not None
    found = verify(path, FORMATS[target], plan, expected, Limits(), None)
    assert found.facts.sample_count == round(0.7 * 44_100)


@pytest.mark.parametrize("target", LOSSLESS)
@pytest.mark.parametrize("is_measured", [False, True])
def test_one_sample_that_changed_is_noticed(tmp_path: Path, target: str, is_measured: bool) -> None:
    samples = music(0.7)
    plan, expected = made(tmp_path / "a", samples, "PCM_16", target)
    samples[10_000, 1] += 1 / 32_768
    made(tmp_path / "b", samples, "PCM_16", target)
    with pytest.raises(ConversionError) as raised:
        verify(tmp_path / "b", FORMATS[target], plan, expected, Limits(), LoudnessMeter() if is_measured else None)
    assert raised.value.failure.code is FailureCode.VERIFICATION_FAILED
    assert "other samples" in raised.value.detail_for_log


@given(st.lists(st.integers(1, 500), min_size=1, max_size=8), st.sampled_from(["s16", "s16p", "flt", "s32p"]))
def test_a_sum_is_the_same_however_a_sound_is_cut(lengths: list[int], form: str) -> None:
    values = np.random.default_rng(1).integers(-1000, 1000, (2, sum(lengths))).astype(np.int16)

    def frame(begin: int, end: int) -> AudioFrame:
        part = values[:, begin:end]
        packed = part if form.endswith("p") else part.T.reshape(1, -1)
        kinds = {"s16": np.int16, "s32": np.int32, "flt": np.float32}
        return AudioFrame.from_ndarray(packed.astype(kinds[form.removesuffix("p")]), form, "stereo")

    whole, cut = SoundSum(), SoundSum()
    whole.add(frame(0, sum(lengths)))
    begin = 0
    for length in lengths:
        cut.add(frame(begin, begin + length))
        begin += length
    assert cut == whole


@pytest.mark.parametrize("bit_rate", [24_000, 32_000, 40_000, 64_000])
def test_surround_opus_is_heard_whole_at_any_bit_rate(tmp_path: Path, convert: Convert, bit_rate: int) -> None:
    noise = np.random.default_rng(1).normal(0, 0.05, (50 * 24_000, 1)).repeat(6, axis=1)
    made = convert(write(tmp_path / "a.wav", noise, 24_000), "opus", bit_rate=bit_rate)
    assert 0 <= 50 * 48_000 - made.report.result.sample_count <= 24
