"""Sound that is strange and still sound: channels without names, samples that are no numbers, tags between frames, old code pages."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from mutagen.id3 import APIC, ID3, TIT2

from tests.engine.conftest import Convert
from tests.engine.test_odd_files import EXTENSIBLE, FORM, pcm, riff
from tests.sounds import RATE, Samples, decoded, encoded, ffmpeg, jpeg, music, probed, write


def noise(channels: int, samples: int = 20_000) -> bytes:
    return np.random.default_rng(1).integers(-9999, 9999, (samples, channels)).astype("<i2").tobytes()


def form_of(channels: int, mask: int | None) -> bytes:
    """``mask`` names the channels; without one the file says nothing of them."""
    sizes = (channels, 48_000, 96_000 * channels, 2 * channels, 16)
    if mask is None:
        return struct.pack("<HHIIHH", 1, *sizes)
    return struct.pack("<HHIIHHHHI", 0xFFFE, *sizes, 22, 16, mask) + EXTENSIBLE[24:]


def floats(samples: Samples) -> bytes:
    form = struct.pack("<HHIIHH", 3, 2, RATE, 8 * RATE, 8, 32)
    return riff((b"fmt ", form), (b"data", samples.astype("<f4").tobytes()))


@pytest.mark.parametrize("to", ["flac", "wav", "alac"])
@pytest.mark.parametrize("channels", [3, 4])
def test_channels_without_names_are_not_mixed(tmp_path: Path, convert: Convert, channels: int, to: str) -> None:
    source = tmp_path / "a.wav"
    source.write_bytes(riff((b"fmt ", form_of(channels, None)), (b"data", noise(channels))))
    made = convert(source, to)
    assert made.report.not_carried == ()
    assert ffmpeg("-i", made.path, "-f", "s16le", "-") == noise(channels)


@pytest.mark.parametrize("to", ["mp3", "m4a", "opus", "ogg", "wma", "alac"])
@pytest.mark.parametrize(("channels", "mask"), [(2, 0x30), (1, 0x1)])
def test_channels_with_other_names_are_taken_one_by_one(
    tmp_path: Path, convert: Convert, channels: int, mask: int, to: str
) -> None:
    source = tmp_path / "a.wav"
    source.write_bytes(riff((b"fmt ", form_of(channels, mask)), (b"data", noise(channels))))
    made = convert(source, to)
    assert made.report.result.channels == channels
    assert any("layout" in each for each in made.report.not_carried)


# Core Audio Types, AudioChannelLayoutTag: MPEG_7_1_C is L R C LFE Ls Rs Rls Rrs, MPEG_5_1_D is C L R Ls Rs LFE, MPEG_6_1_A is L R C LFE Ls Rs Cs.
APPLE_ORDERS = {
    128 << 16 | 8: ("7.1", [0, 1, 2, 3, 6, 7, 4, 5]),
    124 << 16 | 6: ("5.1(side)", [1, 2, 0, 5, 3, 4]),
    125 << 16 | 7: ("6.1", [0, 1, 2, 3, 6, 4, 5]),
}


@pytest.mark.parametrize("to", ["wav", "flac"])
@pytest.mark.parametrize("tag", APPLE_ORDERS)
def test_channels_in_an_order_of_apples_find_their_places(tmp_path: Path, convert: Convert, tag: int, to: str) -> None:
    layout, order = APPLE_ORDERS[tag]
    channels = len(order)
    source = tmp_path / "a.caf"
    chunks = {
        b"desc": struct.pack(">d4sIIIII", 48_000, b"lpcm", 2, 2 * channels, 1, channels, 16),
        b"chan": struct.pack(">III", tag, 0, 0),
        b"data": bytes(4) + noise(channels),
    }
    source.write_bytes(b"caff\0\1\0\0" + b"".join(n + struct.pack(">q", len(d)) + d for n, d in chunks.items()))
    made = convert(source, to)
    assert made.report.not_carried == ()
    assert probed(made.path, "channel_layout")["channel_layout"] == layout
    expected = np.frombuffer(noise(channels), "<i2").reshape(-1, channels)[:, order]
    assert ffmpeg("-i", made.path, "-f", "s16le", "-") == expected.tobytes()


@pytest.mark.parametrize(("mask", "layout"), [(0x63F, "7.1"), (0x6CF, "7.1(wide-side)")])
def test_aiff_says_which_of_eight_channels_are_beside_and_which_behind(
    tmp_path: Path, convert: Convert, mask: int, layout: str
) -> None:
    """FFmpeg 9's muxer says that those beside come first (MPEG_7_1_C), and its reader believes it."""
    source = tmp_path / "a.wav"
    source.write_bytes(riff((b"fmt ", form_of(8, mask)), (b"data", noise(8))))
    made = convert(source, "aiff", tags={"title": "Eight"})
    assert made.report.result.channel_layout == layout
    back = convert(made.path, "wav")
    assert probed(back.path, "channel_layout")["channel_layout"] == layout
    assert ffmpeg("-i", back.path, "-f", "s16le", "-") == noise(8)


def test_channels_that_are_mixed_into_others_are_told(tmp_path: Path, convert: Convert) -> None:
    source = tmp_path / "a.wav"
    source.write_bytes(riff((b"fmt ", form_of(8, 0xFF)), (b"data", noise(8))))  # 7.1(wide)
    assert any("layout" in each for each in convert(source, "opus").report.not_carried)


@pytest.mark.parametrize(("to", "channels"), [("m4a", 4), ("ogg", 4), ("mp3", 2)])
def test_ambisonic_channels_are_taken_one_by_one_and_that_is_told(
    tmp_path: Path, convert: Convert, to: str, channels: int
) -> None:
    mapping = ("-c:a", "libopus", "-mapping_family", "2")
    source = encoded(tmp_path, "a.opus", *mapping, samples=music(0.5, 48_000, 4), rate=48_000)
    made = convert(source, to)
    assert made.report.source.channel_layout == "ambisonic 1"
    assert made.report.result.channels == channels
    assert len(made.report.not_carried) == 1


def test_eight_channels_end_where_vorbis_says(tmp_path: Path, convert: Convert) -> None:
    source = tmp_path / "a.wav"
    source.write_bytes(riff((b"fmt ", form_of(8, 0x63F)), (b"data", noise(8))))
    assert convert(source, "ogg").report.result.sample_count == 20_000


def test_eight_channels_with_their_silence_are_salvaged(tmp_path: Path, convert: Convert) -> None:
    original = tmp_path / "a.wav"
    original.write_bytes(riff((b"fmt ", form_of(8, 0x63F)), (b"data", noise(8, 96_000))))
    source = tmp_path / "a.opus"
    ffmpeg("-i", original, "-c:a", "libopus", "-page_duration", "20000", source)
    data = bytearray(source.read_bytes())
    data[len(data) // 2] ^= 0xFF
    source.write_bytes(data)
    made = convert(source, "wav", on_damage="salvage")
    assert made.report.result.channels == 8
    assert made.report.source.damage


@pytest.mark.parametrize("to", ["mp3", "m4a", "wma", "opus", "flac", "wav"])
def test_samples_that_are_no_numbers_become_silence_and_are_told(tmp_path: Path, convert: Convert, to: str) -> None:
    samples = music(0.5)
    samples[100, 0], samples[200, 1], samples[300] = np.nan, np.inf, -np.inf
    source = tmp_path / "a.wav"
    source.write_bytes(floats(samples))
    made = convert(source, to)
    assert "4 samples that are no numbers (silence stands there)" in made.report.not_carried
    if to in ("flac", "wav"):
        heard = np.frombuffer(ffmpeg("-i", made.path, "-f", "f64le", "-"), np.float64).reshape(-1, 2)
        assert np.abs(heard - np.where(np.isfinite(samples), samples, 0)).max() < 1e-6


def test_what_is_cut_off_at_full_scale_is_told(tmp_path: Path, convert: Convert) -> None:
    samples = music(0.5) * 4
    source = tmp_path / "a.wav"
    source.write_bytes(floats(samples))
    count = int(np.count_nonzero(np.abs(samples.astype("<f4")) > 1))
    told = f"{count} samples above full scale (cut off at it)"
    assert told in convert(source, "flac").report.not_carried
    assert told not in convert(source, "wav").report.not_carried
    assert told not in convert(source, "flac", gain=-20).report.not_carried


def test_doubles_that_become_floats_are_told(tmp_path: Path, convert: Convert) -> None:
    source = write(tmp_path / "a.wav", music(0.2), subtype="DOUBLE")
    assert convert(source, "wav").report.not_carried == ("64-bit float samples (WAV (PCM) gets 32-bit float)",)


def tag_of(path: Path, title: str, picture: bytes) -> bytes:
    tags = ID3()
    tags.add(TIT2(encoding=3, text=[title]))
    tags.add(APIC(encoding=3, mime="image/jpeg", type=3, desc="", data=picture))
    tags.save(path)
    return path.read_bytes()


OLD_TAG = b"TAG" + b"Old".ljust(125, b"\0")


@pytest.mark.parametrize("to", ["wav", "m4a", "mp3"])
@pytest.mark.parametrize("between", ["id3v2", "id3v1", "both", "large picture"])
def test_tags_between_frames_are_no_damage(tmp_path: Path, convert: Convert, between: str, to: str) -> None:
    frames = encoded(
        tmp_path, "a.mp3", "-write_xing", "0", "-id3v2_version", "0", "-b:a", "128k", samples=music(2.0)
    ).read_bytes()
    random = np.random.default_rng(1).bytes(300_000) if between == "large picture" else jpeg()
    tag = tag_of(tmp_path / "tag", "A second file", b"\xff\xd8\xff" + random)
    tags = {"id3v1": OLD_TAG, "both": OLD_TAG + tag}.get(between, tag)
    source = tmp_path / "joined.mp3"
    source.write_bytes(frames + tags + frames)
    alone = tmp_path / "alone.mp3"
    alone.write_bytes(frames + frames)
    made = convert(source, to)
    assert made.report.source.sample_count == convert(alone, "wav").report.source.sample_count
    heard = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", made.path, "-f", "null", "-"], capture_output=True, check=True
    )
    assert heard.stderr == b""


@pytest.mark.parametrize("to", ["ogg", "mp3", "m4a", "flac", "wma", "aiff"])
def test_tags_in_an_old_code_page_are_read(tmp_path: Path, convert: Convert, to: str) -> None:
    source = tmp_path / "a.wav"
    source.write_bytes(riff((b"fmt ", FORM), (b"data", pcm()), (b"LIST", b"INFOINAM\x08\0\0\0Caf\xe9 \x80\0\0")))
    made = convert(source, to)
    assert made.report.source.tags["title"] == made.report.result.tags["title"] == "Café €"
    assert made.report.not_carried == ()


@pytest.mark.parametrize("to", ["mp3", "m4a", "flac", "ogg", "opus", "mka", "wma", "aac", "aiff"])
def test_chapters_without_names_are_carried(tmp_path: Path, convert: Convert, to: str) -> None:
    points = struct.pack("<I", 2) + b"".join(
        struct.pack("<II4sIII", number, at, b"data", 0, 0, at) for number, at in ((1, 0), (2, 11_025))
    )
    source = tmp_path / "a.wav"
    source.write_bytes(riff((b"fmt ", FORM), (b"cue ", points), (b"data", pcm())))
    made = convert(source, to)
    assert made.report.not_carried == ()
    shown = subprocess.run(
        ["ffprobe", "-v", "error", "-show_chapters", "-of", "json", made.path], capture_output=True, check=True
    )
    assert shown.stderr == b""
    found = [(float(each["start_time"]), each["tags"]["title"]) for each in json.loads(shown.stdout)["chapters"]]
    assert found == [(0.0, "Chapter 1"), (0.25, "Chapter 2")]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("a.wav", ["-c:a", "g722", "-ar", "16000", "-ac", "1"]),
        ("a.wav", ["-c:a", "g726", "-ar", "8000", "-ac", "1", "-b:a", "32k"]),
        ("a.caf", ["-c:a", "alac"]),
        ("a.m2ts", ["-c:a", "ac3", "-f", "mpegts", "-mpegts_m2ts_mode", "1"]),
    ],
    ids=["g722", "g726", "alac in caf", "m2ts"],
)
def test_more_kinds_are_read(tmp_path: Path, convert: Convert, name: str, arguments: list[str]) -> None:
    source = encoded(tmp_path, name, *arguments, samples=music(1.0))
    assert convert(source, "flac").report.source.duration == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050])
def test_windows_media_audio_of_a_low_rate_has_little_silence_behind_it(
    tmp_path: Path, convert: Convert, rate: int
) -> None:
    made = convert(write(tmp_path / "a.wav", music(0.5, rate), rate), "wma")
    assert 0.5 <= len(decoded(made.path, rate=rate)) / rate < 0.57


@pytest.mark.parametrize("rate", [88_200, 96_000, 192_000])
def test_the_end_of_a_sound_of_a_high_rate_is_heard_in_windows_media_audio(
    tmp_path: Path, convert: Convert, rate: int
) -> None:
    made = convert(write(tmp_path / "a.wav", music(1.0, rate), rate), "wma")
    assert len(decoded(made.path, rate=48_000)) >= 48_000
