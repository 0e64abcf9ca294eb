"""Every target from several kinds of source, judged by tools that are not ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from soundmill.model.formats import FORMATS
from tests.engine.conftest import Convert
from tests.sounds import RATE, Samples, decoded, encoded, music, probed, write

CODECS = {
    "mp3": "mp3",
    "wav": "pcm_s16le",
    "ogg": "vorbis",
    "opus": "opus",
    "aac": "aac",
    "m4a": "aac",
    "wma": "wmav2",
    "flac": "flac",
    "aiff": "pcm_s16be",
    "alac": "alac",
    "mka": "flac",
    "webm": "opus",
}
SOURCES = ["wav", "mp3", "ogg", "aac", "wma", "flac"]
MORE_SOURCES = ["opus", "aiff", "mka", "caf", "ac3", "wv", "mp2"]
SECONDS = 1.2


@dataclass(frozen=True)
class Sample:
    """A source, and what it sounds like to a judge that is not ours."""

    path: Path
    sound: Samples


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Sample]:
    directory = tmp_path_factory.mktemp("sources")

    @cache
    def make(extension: str) -> Sample:
        path = encoded(directory, f"a.{extension}", samples=music(SECONDS))
        return Sample(path, decoded(path))

    return make


def check_pair(convert: Convert, source: Sample, to: str) -> None:
    made = convert(source.path, to)
    shown = probed(made.path, "codec_name", "sample_rate", "channels", "duration_ts")
    assert shown["codec_name"] == CODECS[to]
    assert (shown["channels"], shown["sample_rate"]) == ("2", str(made.report.result.sample_rate))
    heard = decoded(made.path)
    # ADTS and WMA can't say where the sound ends, old ffmpegs don't heed where M4A says it, and the judge resamples Opus.
    allowed = {"aac": 5000, "wma": 5000, "m4a": 2047}.get(to, 2)
    assert abs(len(heard) - len(source.sound)) <= allowed
    assert made.report.result.duration == pytest.approx(made.report.source.duration, abs=0.1)
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(source.sound**2)), rel=0.1)


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("source", SOURCES)
def test_every_pair_converts_into_what_was_asked(
    sample: Callable[[str], Sample], convert: Convert, source: str, to: str
) -> None:
    check_pair(convert, sample(source), to)


@pytest.mark.slow
@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("source", MORE_SOURCES)
def test_more_pairs_convert_into_what_was_asked(
    sample: Callable[[str], Sample], convert: Convert, source: str, to: str
) -> None:
    check_pair(convert, sample(source), to)


@pytest.mark.parametrize("to", ["wav", "flac", "aiff", "alac", "mka"])
@pytest.mark.parametrize("source", ["a.wav", "a.flac", "a.aiff", "a.w64", "a.caf"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_lossless_pairs_are_bit_exact(tmp_path: Path, convert: Convert, source: str, to: str, subtype: str) -> None:
    original = write(tmp_path / source, music(0.5), subtype=subtype)
    made = convert(original, to)
    assert np.array_equal(decoded(original, 2, RATE), decoded(made.path, 2, RATE))
    assert made.report.not_carried == ()


def test_32_bit_float_survives_in_wav(tmp_path: Path, convert: Convert) -> None:
    loud = 1.5 * music(0.5)
    original = write(tmp_path / "a.wav", loud, subtype="FLOAT")
    made = convert(original, "wav")
    assert probed(made.path)["codec_name"] == "pcm_f32le"
    assert np.array_equal(decoded(original, 2, RATE), decoded(made.path, 2, RATE))


@pytest.mark.parametrize("to", ["mp3", "ogg", "opus", "m4a", "webm"])
@pytest.mark.parametrize("seconds", [0.05, 0.5, 1.0001])
def test_gapless_formats_keep_the_exact_length(tmp_path: Path, convert: Convert, to: str, seconds: float) -> None:
    original = write(tmp_path / "a.wav", music(seconds, 48_000), 48_000)
    made = convert(original, to)
    samples = round(seconds * 48_000)
    if to == "m4a":  # what the edit list says; old ffmpegs decode the padding too
        assert probed(made.path, "duration_ts")["duration_ts"] == str(samples)
    elif (to, seconds) != ("ogg", 0.05):  # ffmpeg drops the first block of an Ogg Vorbis stream of one page
        assert len(decoded(made.path, 2, 48_000)) == samples
    assert made.report.source.sample_count == samples


def test_the_sound_lines_up_with_the_original(tmp_path: Path, convert: Convert) -> None:
    sound = music(1.0)
    original = write(tmp_path / "a.wav", sound)
    for to in ("mp3", "ogg", "m4a"):
        heard = decoded(convert(original, to).path)[: len(sound)]
        at_best = max(
            range(-50, 51), key=lambda shift: float(np.sum(sound[100:-100, 0] * np.roll(heard[:, 0], shift)[100:-100]))
        )
        assert at_best == 0, to


@pytest.mark.parametrize(
    ("to", "options", "shown"),
    [
        ("mp3", {"bit_rate": 128_000}, {"codec_name": "mp3", "bit_rate": "128000"}),
        ("mp3", {"quality": 4}, {"codec_name": "mp3"}),
        ("mp3", {"sample_rate": 22_050, "channels": 1}, {"sample_rate": "22050", "channels": "1"}),
        ("wav", {"bit_depth": 24}, {"codec_name": "pcm_s24le"}),
        ("wav", {"bit_depth": 8, "sample_rate": 8_000}, {"codec_name": "pcm_u8", "sample_rate": "8000"}),
        ("wav", {"bit_depth": 32}, {"codec_name": "pcm_f32le"}),
        ("flac", {"bit_depth": 24, "sample_rate": 96_000}, {"bits_per_raw_sample": "24", "sample_rate": "96000"}),
        ("alac", {"bit_depth": 24}, {"bits_per_raw_sample": "24"}),
        ("aiff", {"bit_depth": 8}, {"codec_name": "pcm_s8"}),
        ("ogg", {"quality": 9, "channels": 1}, {"codec_name": "vorbis", "channels": "1"}),
        ("opus", {"bit_rate": 32_000, "channels": 1}, {"codec_name": "opus", "channels": "1"}),
        ("opus", {"sample_rate": 24_000}, {"codec_name": "opus"}),
        ("m4a", {"bit_rate": 96_000, "sample_rate": 32_000}, {"codec_name": "aac", "sample_rate": "32000"}),
        ("aac", {"bit_rate": 64_000, "channels": 1}, {"codec_name": "aac", "channels": "1"}),
        ("wma", {"bit_rate": 128_000, "sample_rate": 22_050}, {"codec_name": "wmav2", "sample_rate": "22050"}),
    ],
)
def test_options_are_followed(
    tmp_path: Path, convert: Convert, to: str, options: dict[str, int], shown: dict[str, str]
) -> None:
    original = write(tmp_path / "a.wav", music(1.0))
    made = convert(original, to, **options)
    found = probed(made.path, "codec_name", "bit_rate", "sample_rate", "channels", "bits_per_raw_sample")
    assert {name: found[name] for name in shown} == shown
    assert made.report.not_carried == ()


@pytest.mark.parametrize("rate", [44_100, 96_000, 192_000])
def test_the_bit_rate_of_vorbis_is_that_of_its_file_where_none_is_told(
    tmp_path: Path, convert: Convert, rate: int
) -> None:
    made = convert(write(tmp_path / "a.wav", music(1.0, rate), rate), "ogg")
    assert made.report.result.bit_rate == pytest.approx(made.path.stat().st_size * 8, rel=0.5)


def test_better_quality_makes_larger_files(tmp_path: Path, convert: Convert) -> None:
    original = write(tmp_path / "a.wav", music(1.0))
    assert (
        convert(original, "ogg", quality=9).path.stat().st_size
        > convert(original, "ogg", quality=1).path.stat().st_size
    )
    assert (
        convert(original, "mp3", quality=0).path.stat().st_size
        > convert(original, "mp3", quality=9).path.stat().st_size
    )


@pytest.mark.parametrize(("rate", "over"), [(44_100, 1), (44_100, 46), (44_100, 47), (22_050, 15), (8_000, 15)])
def test_the_end_of_an_mp3_is_exact_wherever_its_last_frame_begins(
    tmp_path: Path, convert: Convert, rate: int, over: int
) -> None:
    """With 1 to 46 samples over, padding reaches over two packets, of which FFmpeg 5.1 to 9 write the last one's only."""
    samples = 23 * 1152 + over
    made = convert(write(tmp_path / "a.wav", music(4.0, rate)[:samples], rate), "mp3")
    assert len(decoded(made.path, rate=rate)) == samples
