"""A long source that is decoded by several processes gives the very file that one decoder gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from soundmill.engine import Converted, Job, Mill
from soundmill.model.conversion import ConversionError
from soundmill.model.formats import FORMATS
from tests.engine.mills import conversions
from tests.engine.test_ogg import with_granules
from tests.seams.measure import ENCODERS
from tests.seams.sounds import odd
from tests.sounds import Samples, encoded


def converted(mill: Mill, source: Path, to: str, directory: Path) -> tuple[Converted, Converted]:
    """Serially and side by side."""
    made = []
    for encoders in (1, ENCODERS):
        (work := directory / f"{to} {encoders}").mkdir()
        made.append(mill.convert(Job(source, work, FORMATS[to], encoders=encoders), lambda fraction: True))
    return made[0], made[1]


@pytest.fixture(scope="module")
def sound() -> Samples:
    return odd(44_100, 2)


@pytest.mark.parametrize(
    ("name", "arguments", "to"),
    [
        ("a.mp3", ("-c:a", "libmp3lame", "-b:a", "192k"), "wav"),
        ("low.mp3", ("-c:a", "libmp3lame", "-b:a", "8k", "-ar", "8000", "-ac", "1"), "aiff"),
        ("a.ogg", ("-c:a", "libvorbis", "-q:a", "3"), "wav"),
        pytest.param("a.flac", ("-c:a", "flac", "-sample_fmt", "s32"), "wav", marks=pytest.mark.slow),
        pytest.param("vbr.mp3", ("-c:a", "libmp3lame", "-q:a", "6"), "wav", marks=pytest.mark.slow),
        pytest.param("mono.ogg", ("-c:a", "libvorbis", "-ac", "1"), "aiff", marks=pytest.mark.slow),
        pytest.param("a.m4a", ("-c:a", "alac"), "wav", marks=pytest.mark.slow),
        pytest.param("a.mka", ("-c:a", "libvorbis"), "wav", marks=pytest.mark.slow),
    ],
)
def test_it_is_the_same_file(
    mill: Mill,
    tmp_path: Path,
    sound: Samples,
    name: str,
    arguments: tuple[str, ...],
    to: str,
) -> None:
    source = encoded(tmp_path, name, *arguments, samples=sound)
    serial, split = converted(mill, source, to, tmp_path)
    assert split.path.read_bytes() == serial.path.read_bytes()
    assert split.report == serial.report
    assert split.report.remarks == ()


def test_a_chain_of_other_streams_is_decoded_by_one_decoder(mill: Mill, tmp_path: Path, sound: Samples) -> None:
    links = [
        encoded(tmp_path, f"{quality}.ogg", "-c:a", "libvorbis", "-q:a", quality, samples=sound[: 40 * 44_100])
        for quality in ("2", "8")
    ]
    source = tmp_path / "chained.ogg"
    source.write_bytes(b"".join(each.read_bytes() for each in links))
    serial, split = converted(mill, source, "wav", tmp_path)
    assert split.path.read_bytes() == serial.path.read_bytes()


def test_vorbis_begins_where_its_granules_say_by_one_decoder(mill: Mill, tmp_path: Path, sound: Samples) -> None:
    source = encoded(tmp_path, "a.ogg", "-c:a", "libvorbis", samples=sound)
    source.write_bytes(with_granules(source.read_bytes(), -700))
    serial, split = converted(mill, source, "wav", tmp_path)
    assert serial.report.result.sample_count == len(sound) - 700
    assert split.path.read_bytes() == serial.path.read_bytes()


def test_what_is_damaged_is_judged_by_one_decoder(mill: Mill, tmp_path: Path, sound: Samples) -> None:
    source = encoded(tmp_path, "a.flac", "-c:a", "flac", samples=sound)
    data = bytearray(source.read_bytes())
    data[len(data) // 2] ^= 0xFF
    source.write_bytes(data)
    failures = []
    for encoders in (1, ENCODERS):
        (work := tmp_path / str(encoders)).mkdir()
        with pytest.raises(ConversionError) as failed:
            mill.convert(Job(source, work, FORMATS["wav"], encoders=encoders), lambda fraction: True)
        failures.append(failed.value.failure)
    assert failures[0] == failures[1]
    assert conversions() == []
