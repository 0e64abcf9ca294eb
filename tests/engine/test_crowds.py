"""More channels than formats have loudspeakers for: kept where there is room, mixed where one or two are wanted, and else refused with a word."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from soundmill.engine import Converted, Job, Mill
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.formats import FORMATS
from tests.engine.conftest import Convert
from tests.sounds import Samples, decoded, ffmpeg, probed, tones, write

RATE = 48_000
PCM = bytes.fromhex("0100000000001000800000aa00389b71")
CINEMA = 0x2D63F  # 7.1.4: FL FR FC LFE BL BR SL SR, and TFL TFR TBL TBR above


def tracks(path: Path, channels: int, mask: int = 0) -> Path:
    """Each channel is heard by itself for a tenth of a second."""
    samples = np.zeros((RATE // 10 * channels, channels))
    for channel in range(channels):
        part = slice(channel * RATE // 10, (channel + 1) * RATE // 10)
        samples[part, channel] = tones([440], 0.1, RATE)[:, 0]
    data = (samples * 32767).astype("<i2").tobytes()
    block = 2 * channels
    form = struct.pack("<HHIIHHHHI", 0xFFFE, channels, RATE, RATE * block, block, 16, 22, 16, mask) + PCM
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def levels(made: Converted, source_channels: int) -> Samples:
    """How loud each channel of the source is in each of the result."""
    heard = decoded(made.path, made.report.result.channels, RATE)
    return np.array(
        [
            np.abs(heard[part * RATE // 10 + 600 : (part + 1) * RATE // 10 - 600]).max(axis=0)
            for part in range(source_channels)
        ]
    )


@pytest.mark.parametrize("to", ["wav", "aiff"])
@pytest.mark.parametrize("channels", [9, 16, 64])
def test_all_of_them_are_kept_where_there_is_room(tmp_path: Path, convert: Convert, channels: int, to: str) -> None:
    source = tracks(tmp_path / "a.wav", channels)
    made = convert(source, to)
    assert probed(made.path, "channels") == {"channels": str(channels)}
    assert made.report.not_carried == ()
    assert ffmpeg("-i", made.path, "-f", "s16le", "-") == ffmpeg("-i", source, "-f", "s16le", "-")


def test_loudspeakers_above_keep_their_names(tmp_path: Path, convert: Convert) -> None:
    source = tracks(tmp_path / "a.wav", 12, CINEMA)
    made = convert(source, "wav")
    assert made.report.result.channel_layout == made.report.source.channel_layout == "7.1.4"
    assert ffmpeg("-i", made.path, "-f", "s16le", "-") == ffmpeg("-i", source, "-f", "s16le", "-")


def test_names_of_loudspeakers_that_wav_does_not_know_are_told(tmp_path: Path, convert: Convert) -> None:
    source = tmp_path / "a.mov"
    sound = "anoisesrc=d=0.2:r=48000,aformat=channel_layouts=mono,pan=hexadecagonal|FL=c0|WR=0.5*c0"
    ffmpeg("-f", "lavfi", "-i", sound, "-c:a", "pcm_s16le", source)
    made = convert(source, "wav")
    assert made.report.not_carried == ("hexadecagonal layout (WAV (PCM) gets 16 channels)",)
    assert ffmpeg("-i", made.path, "-f", "s16le", "-") == ffmpeg("-i", source, "-f", "s16le", "-")


def test_tracks_are_mixed_in_pairs(tmp_path: Path, convert: Convert) -> None:
    made = convert(tracks(tmp_path / "a.wav", 16), "flac", channels=2)
    heard = levels(made, 16)
    assert heard[0::2, 0] == pytest.approx(0.3 / 8, rel=0.02)
    assert heard[1::2, 1] == pytest.approx(0.3 / 8, rel=0.02)
    assert np.abs(heard[0::2, 1]).max() < 0.001
    assert made.report.not_carried == ()


def test_all_tracks_are_heard_in_one_channel(tmp_path: Path, convert: Convert) -> None:
    heard = levels(convert(tracks(tmp_path / "a.wav", 16), "wav", channels=1), 16)
    assert heard[:, 0] == pytest.approx(0.3 / 16, rel=0.02)


def test_loudspeakers_above_are_mixed_by_their_side(tmp_path: Path, convert: Convert) -> None:
    """FFmpeg's own mix leaves out those above and behind."""
    made = convert(tracks(tmp_path / "a.wav", 12, CINEMA), "mp3")
    assert made.report.not_carried == ("12 channels (MP3 gets 2)",)
    heard = levels(convert(tracks(tmp_path / "b.wav", 12, CINEMA), "wav", channels=2), 12)
    left, centre, bass = heard[0, 0], heard[2], heard[3]
    for channel in (4, 6, 8, 10):
        assert heard[channel] == pytest.approx([left, 0], abs=0.002)
        assert heard[channel + 1] == pytest.approx([0, left], abs=0.002)
    assert centre == pytest.approx([left * 0.5**0.5] * 2, abs=0.002)
    assert bass == pytest.approx([0, 0], abs=0.002)


@pytest.mark.parametrize(("to", "options"), [("flac", {}), ("m4a", {}), ("opus", {}), ("wav", {"channels": 6})])
def test_what_has_no_room_for_them_says_what_has(
    tmp_path: Path, convert: Convert, to: str, options: dict[str, float]
) -> None:
    with pytest.raises(ConversionError, match=r"16 channels.*2 channels.*WAV") as refused:
        convert(tracks(tmp_path / "a.wav", 16), to, **options)
    assert refused.value.failure.code is FailureCode.UNSUITABLE_OPTIONS


@pytest.mark.parametrize(
    "options", [{"trim_start": 0.1}, {"gain": -6.0}, {"tempo": 1.5}, {"sample_rate": 44_100}, {"loudness": -23.0}]
)
def test_they_can_be_edited(tmp_path: Path, convert: Convert, options: dict[str, float]) -> None:
    made = convert(tracks(tmp_path / "a.wav", 16), "wav", **options)
    assert made.report.result.channels == 16


@pytest.mark.parametrize("channels", [9, 17, 64])
@pytest.mark.parametrize("options", [{"gain": -6.0}, {"fade_in": 0.1}])
def test_so_can_those_that_nobody_has_loudspeakers_for(
    tmp_path: Path, convert: Convert, channels: int, options: dict[str, float]
) -> None:
    made = convert(tracks(tmp_path / "a.wav", channels), "wav", **options)
    heard = levels(made, channels)
    assert np.diag(heard)[2:] == pytest.approx(0.15 if "gain" in options else 0.3, rel=0.02)
    assert np.abs(heard - np.diag(np.diag(heard))).max() < 0.001


@pytest.mark.parametrize("channels", [1, 2, 6, 9])
@pytest.mark.parametrize("many", [11, 16])
def test_fewer_joined_with_them_become_the_first_ones(tmp_path: Path, mill: Mill, channels: int, many: int) -> None:
    first, following = tracks(tmp_path / "a.wav", channels), tracks(tmp_path / "b.wav", many)
    directory = tmp_path / "result"
    directory.mkdir()
    job = Job(first, directory, FORMATS["wav"], following=(following,), names=("a.wav", "b.wav"))
    made = mill.convert(job, lambda fraction: True)
    heard = levels(made, channels)
    assert heard.shape == (channels, many)
    assert np.diag(heard) == pytest.approx(0.3, rel=0.02)
    assert np.abs(heard - np.eye(channels, many) * heard).max() == 0


def test_more_than_anybody_has_are_refused(tmp_path: Path, convert: Convert) -> None:
    with pytest.raises(ConversionError, match="takes 1 to 64") as refused:
        convert(tracks(tmp_path / "a.wav", 65), "wav")
    assert refused.value.failure.code is FailureCode.UNSUPPORTED_INPUT


def test_other_files_may_have_as_many(tmp_path: Path, convert: Convert) -> None:
    samples = tones([100 * (each + 1) for each in range(16)], 0.2, RATE)
    source = write(tmp_path / "a.caf", samples, RATE, form="CAF")
    made = convert(source, "wav")
    assert ffmpeg("-i", made.path, "-f", "s16le", "-") == ffmpeg("-i", source, "-f", "s16le", "-")
