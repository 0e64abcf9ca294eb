"""Frames without a container: read from the first that is whole, and what is missing or broken among them is told."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from soundmill.engine.codecs import mlp
from soundmill.engine.containers.sniff import DEMUXERS, sniff
from soundmill.engine.damage import Row
from soundmill.model.conversion import ConversionError, FailureCode
from tests.engine.conftest import Convert
from tests.sounds import decoded, encoded, ffmpeg, music

SECONDS = 3.0
ARGUMENTS = {"mlp": ("-strict", "-2"), "thd": ("-strict", "-2"), "dts": ("-strict", "-2", "-ar", "48000")}
KINDS = {"mlp": "mlp", "thd": "truehd", "latm": "loas"}
CUT_THROUGH = {"ac3": "ac3", "eac3": "eac3", "dts": "dts", "latm": "loas", "aac": "aac", "ts": "mpegts"}


def bare(directory: Path, extension: str) -> Path:
    return encoded(directory, f"a.{extension}", *ARGUMENTS.get(extension, ()), samples=music(SECONDS))


@pytest.mark.parametrize("extension", KINDS)
def test_lossless_units_and_aac_for_broadcasts_are_read(tmp_path: Path, convert: Convert, extension: str) -> None:
    source = bare(tmp_path, extension)
    with source.open("rb") as file:
        assert sniff(file) == KINDS[extension]
    assert KINDS[extension] in DEMUXERS
    made = convert(source, "flac")
    assert made.report.source.sample_count == len(decoded(source))
    assert made.report.not_carried == ()
    if extension != "latm":  # FFmpeg's decoder of AAC gives floats
        assert ffmpeg("-i", made.path, "-f", "s32le", "-") == ffmpeg("-i", source, "-f", "s32le", "-")


@pytest.mark.parametrize("extension", KINDS)
@pytest.mark.parametrize("behind", [b"TAG" + b"a title".ljust(125, b"\0"), b"something else " * 50])
def test_what_stands_behind_them_is_no_damage(tmp_path: Path, convert: Convert, extension: str, behind: bytes) -> None:
    source = bare(tmp_path, extension)
    whole = convert(source, "wav")
    source.write_bytes(source.read_bytes() + behind)
    made = convert(source, "wav")
    assert made.report.source.sample_count == whole.report.source.sample_count
    assert ("title" in made.report.source.tags) == behind.startswith(b"TAG")


@pytest.mark.parametrize("extension", CUT_THROUGH)
def test_what_was_cut_out_of_something_longer_is_read_from_the_first_whole_frame(
    tmp_path: Path, convert: Convert, extension: str
) -> None:
    source = bare(tmp_path, extension)
    source.write_bytes(source.read_bytes()[1501:])
    with source.open("rb") as file:
        assert sniff(file) == CUT_THROUGH[extension]
    made = convert(source, "wav")
    count = made.report.source.sample_count
    rate = made.report.source.sample_rate
    assert count == len(ffmpeg("-i", source, "-f", "s16le", "-")) // 4
    assert SECONDS - 0.3 < count / rate < SECONDS + 0.1


@pytest.mark.parametrize("extension", KINDS)
@pytest.mark.parametrize("how", ["gone", "zero", "noise"])
def test_what_is_missing_among_them_is_told(tmp_path: Path, convert: Convert, extension: str, how: str) -> None:
    source = bare(tmp_path, extension)
    data = source.read_bytes()
    begin = len(data) // 2
    filling = {"gone": b"", "zero": bytes(3000), "noise": np.random.default_rng(1).bytes(3000)}[how]
    source.write_bytes(data[:begin] + filling + data[begin + 3000 :])
    with pytest.raises(ConversionError, match=r"is damaged (after|at byte)") as refused:
        convert(source, "wav")
    assert refused.value.failure.code is FailureCode.DAMAGED_INPUT
    made = convert(source, "wav", on_damage="salvage")
    assert made.report.source.damage[0].at == pytest.approx(SECONDS / 2, abs=0.2)
    if how != "gone":
        assert made.report.result.duration == pytest.approx(SECONDS, abs=0.15)


@pytest.mark.parametrize("extension", ["ac3", "eac3"])
def test_silence_is_as_long_as_the_frames_that_are_missing(tmp_path: Path, convert: Convert, extension: str) -> None:
    """FFmpeg's parser leaves out what is no frame: it is told by the places of those that it finds."""
    source = bare(tmp_path, extension)
    length = convert(source, "wav").report.source.sample_count
    data = bytearray(source.read_bytes())
    begin = len(data) // 2
    data[begin : begin + 8000] = bytes(8000)
    source.write_bytes(data)
    made = convert(source, "wav", on_damage="salvage")
    assert made.report.result.sample_count == length
    (hole,) = made.report.source.damage
    assert hole.filled


@pytest.mark.parametrize("extension", ["mlp", "thd"])
def test_one_bit_that_is_wrong_is_told(tmp_path: Path, convert: Convert, extension: str) -> None:
    """FFmpeg's decoder only logs what parity and checksum tell, and gives noise."""
    source = bare(tmp_path, extension)
    data = bytearray(source.read_bytes())
    assert mlp.examine(io.BytesIO(data)).damage is None
    numbers = np.random.default_rng(1)
    found = 0
    for _ in range(100):
        place, bit = int(numbers.integers(100, len(data))), 1 << int(numbers.integers(8))
        data[place] ^= bit
        damage = mlp.examine(io.BytesIO(data)).damage
        found += damage is not None and place - 8190 < (damage.byte or 0) <= place
        data[place] ^= bit
    assert found >= 95  # the rest is in words that no sum is of, which the decoder looks at
    data[len(data) // 2] ^= 1
    source.write_bytes(data)
    with pytest.raises(ConversionError, match=r"is damaged after 0:01 \(byte"):
        convert(source, "flac")


def test_units_of_mlp_are_counted_across_blocks(tmp_path: Path) -> None:
    source = encoded(tmp_path, "a.mlp", "-strict", "-2", samples=music(1.0))
    data = source.read_bytes() * 20
    assert len(data) > 2 << 20
    assert mlp.examine(io.BytesIO(data)) == Row(None, len(data))
    broken = bytearray(data)
    broken[-5000] ^= 1
    damage = mlp.examine(io.BytesIO(broken)).damage
    assert damage is not None
    assert damage.seconds == pytest.approx(20 * (1 - 5000 / len(source.read_bytes()) / 20), abs=0.05)


def test_a_beginning_that_is_noise_is_no_kind() -> None:
    noise = np.random.default_rng(1).bytes(200_000)
    with pytest.raises(ConversionError) as refused:
        sniff(io.BytesIO(noise))
    assert refused.value.failure.code is FailureCode.UNSUPPORTED_INPUT
