"""AAC whose channels only its program config element names: each is heard where it was recorded."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.engine.codecs.program_config import layout_by_frame, layout_by_setup
from tests.engine.conftest import Convert
from tests.engine.strange_bytes import FUZZED
from tests.sounds import Samples, ffmpeg, probed

RATE, SECONDS = 48_000, 0.5
TONES = {"FL": 400, "FR": 600, "FC": 900, "LFE": 60, "BL": 1300, "BR": 1700, "BC": 2100, "SL": 2600, "SR": 3100}
TONES |= {"FLC": 3700, "FRC": 4300}
LAYOUTS = {
    "3.1": "FL FR FC LFE",
    "4.1": "FL FR FC LFE BC",
    "5.0(side)": "FL FR FC SL SR",
    "5.1(side)": "FL FR FC LFE SL SR",
    "6.0": "FL FR FC BC SL SR",
    "hexagonal": "FL FR FC BL BR BC",
    "6.1": "FL FR FC LFE BC SL SR",
    "7.0": "FL FR FC BL BR SL SR",
    "7.1(wide)": "FL FR FC LFE BL BR FLC FRC",
    "octagonal": "FL FR FC BL BR BC SL SR",
}


def recorded(directory: Path, name: str, layout: str) -> Path:
    """By the machine's ffmpeg: another tone for each loudspeaker."""
    time = np.arange(round(RATE * SECONDS)) / RATE
    tones = np.stack([0.2 * np.sin(2 * np.pi * TONES[each] * time) for each in LAYOUTS[layout].split()], axis=1)
    raw = directory / "raw"
    raw.write_bytes(tones.astype("<f4").tobytes())
    form = ("-f", "f32le", "-ar", str(RATE), "-ac", str(tones.shape[1]), "-channel_layout", layout)
    made = directory / name
    ffmpeg(*form, "-i", raw, "-c:a", "aac", "-b:a", "512k", made)
    return made


def heard(path: Path, channels: int) -> Samples:
    """As they stand there: asked for a number of channels, ffmpeg would mix them into the usual layout of so many."""
    return np.frombuffer(ffmpeg("-i", path, "-f", "f64le", "-"), np.float64).reshape(-1, channels)


def speakers_in(path: Path, channels: int) -> str:
    """What is heard in each channel."""
    spectrum = np.abs(np.fft.rfft(heard(path, channels) * np.hanning(round(RATE * SECONDS))[:, None], axis=0))
    loudest = spectrum.argmax(axis=0) / SECONDS
    return " ".join(min(TONES, key=lambda each: abs(TONES[each] - hertz)) for hertz in loudest)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_channel_has_its_name(tmp_path: Path, convert: Convert, layout: str) -> None:
    made = convert(recorded(tmp_path, "a.m4a", layout), "flac")
    assert probed(made.path, "channel_layout") == {"channel_layout": layout}
    assert made.report.source.channel_layout == layout
    assert speakers_in(made.path, len(LAYOUTS[layout].split())) == LAYOUTS[layout]
    assert made.report.not_carried == ()


@pytest.mark.parametrize("name", ["a.aac", "a.mka"])
def test_so_it_is_without_mp4(tmp_path: Path, convert: Convert, name: str) -> None:
    made = convert(recorded(tmp_path, name, "3.1"), "wav")
    assert probed(made.path, "channel_layout") == {"channel_layout": "3.1"}
    assert made.report.source.channel_layout == "3.1"


def test_the_bass_stays_the_bass_where_there_is_no_such_layout(tmp_path: Path, convert: Convert) -> None:
    made = convert(recorded(tmp_path, "a.m4a", "3.1"), "opus")
    assert probed(made.path, "channel_layout") == {"channel_layout": "5.1"}
    spectrum = np.abs(np.fft.rfft(heard(made.path, 6)[:, 3]))
    assert spectrum.argmax() / SECONDS == pytest.approx(TONES["LFE"], abs=4)


@FUZZED
@given(st.binary(max_size=100))
def test_any_bytes_name_a_layout_or_none(data: bytes) -> None:
    assert layout_by_setup(data) in (None, *LAYOUTS)
    assert layout_by_frame(io.BytesIO(data), 0) in (None, *LAYOUTS)
