"""Waveforms are the lowest and highest samples of what was converted, however long it is, and cost next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from av.audio.frame import AudioFrame

from soundmill.engine import Job, Mill
from soundmill.engine.pcm.peaks import PeakMeter
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from soundmill.model.sound import ConversionReport
from soundmill.model.waveform import MOST_COLUMNS, Waveform
from tests.sounds import RATE, Samples, decoded, encoded, music, write

type Draw = Callable[..., ConversionReport]


@pytest.fixture
def drawn(mill: Mill, tmp_path: Path) -> Draw:
    """``drawn(source, "mp3", trim_start=…)``: the report of a conversion that draws."""

    def run(source: Path, to: str, **options: object) -> ConversionReport:
        directory = tmp_path / f"to {to} {len(options)}"
        directory.mkdir()
        job = Job(source, directory, FORMATS[to], ConversionOptions(**options), draws=True)  # type: ignore[arg-type]
        return mill.convert(job, lambda fraction: True).report

    return run


def outline(samples: Samples, column: int) -> npt.NDArray[np.int64]:
    """Lowest and highest of each column over all channels, by another way."""
    low, high = np.floor(samples.min(axis=1) * 128), np.floor(samples.max(axis=1) * 128)
    starts = np.arange(0, len(samples), column)
    both = np.stack([np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)], axis=1)
    clipped: npt.NDArray[np.int64] = np.clip(both, -128, 127).astype(int)
    return clipped


def values(waveform: Waveform | None) -> npt.NDArray[np.int64]:
    assert waveform is not None
    return np.array(waveform.values()).reshape(-1, 2)


@pytest.mark.parametrize(
    ("subtype", "channels"),
    [("PCM_U8", 2), ("PCM_16", 1), ("PCM_16", 6), ("PCM_24", 2), ("PCM_32", 1), ("FLOAT", 2), ("DOUBLE", 1)],
)
def test_peaks_are_those_of_the_samples(tmp_path: Path, drawn: Draw, subtype: str, channels: int) -> None:
    source = write(tmp_path / "a.wav", music(3.3, channels=channels), subtype=subtype)
    waveform = drawn(source, "wav").source_waveform
    assert waveform is not None
    assert waveform.sample_rate == RATE
    assert MOST_COLUMNS / 2 <= waveform.columns <= MOST_COLUMNS
    wanted = outline(decoded(source, channels), waveform.samples_per_column)
    assert np.array_equal(values(waveform), wanted)


@pytest.mark.parametrize(
    "kind", ["mp3", "ogg", *(pytest.param(each, marks=pytest.mark.slow) for each in ("opus", "m4a", "flac"))]
)
def test_a_copied_sound_is_drawn_too(tmp_path: Path, drawn: Draw, kind: str) -> None:
    report = drawn(encoded(tmp_path, f"a.{kind}", samples=music(2.0)), kind)
    waveform = report.source_waveform
    assert waveform is not None
    wanted = outline(music(2.0, waveform.sample_rate), waveform.samples_per_column)
    shared = min(len(wanted), waveform.columns)
    assert np.mean(np.abs(values(waveform)[:shared] - wanted[:shared])) < 8
    assert report.result_waveform is None


def test_an_edited_sound_has_two(tmp_path: Path, drawn: Draw) -> None:
    source = write(tmp_path / "a.wav", music(3.0))
    report = drawn(source, "flac", trim_start=1.0, gain=-6.0)
    before, after = report.source_waveform, report.result_waveform
    assert before is not None
    assert after is not None
    assert np.array_equal(values(before), outline(decoded(source), before.samples_per_column))
    wanted = outline(decoded(source)[RATE:] * 10 ** (-6 / 20), after.samples_per_column)
    assert np.max(np.abs(values(after) - wanted)) <= 1


def test_nothing_is_drawn_unless_it_is_wanted(tmp_path: Path, mill: Mill) -> None:
    (tmp_path / "job").mkdir()
    job = Job(write(tmp_path / "a.wav", music(0.1)), tmp_path / "job", FORMATS["wav"])
    assert mill.convert(job, lambda fraction: True).report.source_waveform is None


def frames(samples: npt.NDArray[np.int16], size: int) -> Iterator[AudioFrame]:
    for begin in range(0, len(samples), size):
        frame = AudioFrame.from_ndarray(samples[None, begin : begin + size], "s16", "mono")
        frame.sample_rate = RATE
        yield frame


@pytest.mark.parametrize("count", [1, 63, 64, 65, 230_399, 230_400, 230_401, 3_000_001])
@pytest.mark.parametrize("size", [1152, 100_000])
def test_columns_get_wider_with_the_length_and_stay_exact(count: int, size: int) -> None:
    samples = np.random.default_rng(count).integers(-(1 << 15), 1 << 15, count, np.int16)
    meter = PeakMeter()
    for frame in frames(samples, size):
        meter.add(frame)
    waveform = meter.result()
    assert waveform is not None
    assert waveform.columns == -(-count // waveform.samples_per_column) <= MOST_COLUMNS
    assert np.array_equal(values(waveform), outline(samples[:, None] / (1 << 15), waveform.samples_per_column))


def test_hours_take_no_more_memory_than_seconds() -> None:
    """Two hours of the same 2^20 samples, and then some."""
    samples = np.random.default_rng(1).integers(-(1 << 15), 1 << 15, 1 << 20, np.int16)
    meter = PeakMeter()
    for _ in range(300):
        for frame in frames(samples, 1 << 20):
            meter.add(frame)
    for frame in frames(samples[:70_000], 4096):
        meter.add(frame)
    waveform = meter.result()
    assert waveform is not None
    column = waveform.samples_per_column
    assert (column, waveform.columns) == (1 << 17, 300 * 8 + 1)
    wanted = outline(samples[:, None] / (1 << 15), column)
    assert np.array_equal(values(waveform)[:-1], np.tile(wanted, (300, 1)))
    assert np.array_equal(values(waveform)[-1:], outline(samples[:70_000, None] / (1 << 15), column))


def test_a_sound_that_changes_its_form_has_none() -> None:
    meter = PeakMeter()
    for layout in ("mono", "stereo"):
        frame = AudioFrame("s16", layout, 1024)
        frame.sample_rate = RATE
        meter.add(frame)
    assert meter.result() is None
    assert PeakMeter().result() is None


@pytest.mark.parametrize("bad", [{"peaks": "AA=="}, {"peaks": "?"}, {"sample_rate": 0}, {"samples_per_column": "x"}])
def test_what_is_no_waveform_is_refused(bad: dict[str, object]) -> None:
    good = Waveform(RATE, 64, b"\x80\x7f").as_dict()
    assert Waveform.from_dict(good).values() == [-128, 127]
    with pytest.raises((ValueError, TypeError, KeyError)):
        Waveform.from_dict(good | bad)
