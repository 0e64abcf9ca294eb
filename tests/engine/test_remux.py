"""The same codec into another container is copied to the packet, with its exact length; judged by the machine's ffmpeg."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mutagen.mp4 import MP4

from soundmill.engine.codecs.flac import SoundDigest
from soundmill.engine.plan import Sound, copy_plan
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.engine.conftest import Convert
from tests.sounds import decoded, encoded, ffmpeg, jpeg, music, probed

SOUND = music(3.21)
MOV = "mov,mp4,m4a,3gp,3g2,mj2"
AAC = Sound("aac", 44_100, 2, "stereo", "fltp")
CODERS = {"aac": "aac", "opus": "libopus", "mp3": "libmp3lame", "flac": "flac", "vorbis": "libvorbis", "alac": "alac"}


def packets(path: Path) -> bytes:
    """All packets one after the other, without what the container adds: ADTS headers are taken off by ffmpeg."""
    has_adts = path.suffix == ".aac" or (path.suffix == ".ts" and probed(path, "codec_name")["codec_name"] == "aac")
    head = ["-bsf:a", "aac_adtstoasc"] if has_adts else []
    return ffmpeg("-i", path, "-map", "0:a:0", "-c", "copy", *head, "-f", "data", "-")


@pytest.mark.parametrize(
    ("codec", "name", "to"),
    [
        ("aac", "a.m4a", "aac"),
        ("aac", "a.m4a", "m4a"),
        ("aac", "a.mp4", "m4a"),
        ("aac", "a.mkv", "m4a"),
        ("aac", "a.mkv", "aac"),
        ("aac", "a.aac", "m4a"),
        ("aac", "a.aac", "aac"),
        ("aac", "a.ts", "m4a"),
        ("aac", "a.ts", "aac"),
        ("aac", "a.flv", "m4a"),
        ("aac", "a.flv", "aac"),
        ("opus", "a.opus", "webm"),
        ("opus", "a.opus", "opus"),
        ("opus", "a.webm", "opus"),
        ("opus", "a.mka", "opus"),
        ("opus", "a.mka", "webm"),
        ("mp3", "a.mp3", "mp3"),
        ("mp3", "a.mp4", "mp3"),
        ("flac", "a.flac", "mka"),
        ("flac", "a.flac", "flac"),
        ("flac", "a.oga", "flac"),
        ("flac", "a.mka", "flac"),
        ("vorbis", "a.ogg", "ogg"),
        ("vorbis", "a.webm", "ogg"),
        ("vorbis", "a.mka", "ogg"),
        ("alac", "a.m4a", "alac"),
    ],
)
def test_the_same_codec_is_copied_with_its_length(
    tmp_path: Path, convert: Convert, codec: str, name: str, to: str
) -> None:
    source = encoded(tmp_path, name, "-c:a", CODERS[codec], samples=SOUND, rate=48_000 if codec == "opus" else 44_100)
    made = convert(source, to)
    assert packets(made.path) == packets(source)
    count, rate = made.report.source.sample_count, made.report.source.sample_rate
    heard = decoded(made.path, 2, rate)
    # ADTS can't say where the sound begins: a frame more. Old ffmpegs don't heed where MP4 says that it ends.
    assert 0 <= len(heard) - count <= {"aac": 3071, "m4a": 1023}.get(to, 0)
    if to not in ("aac", "m4a") and source.suffix != ".mp4":
        assert np.array_equal(heard, decoded(source, 2, rate))
    if to != "aac":
        assert made.report.result.sample_count == made.report.source.sample_count


def test_tags_cover_and_chapters_are_carried(tmp_path: Path, convert: Convert) -> None:
    chapters = tmp_path / "chapters.txt"
    chapters.write_text(
        ";FFMETADATA1\ntitle=Song\nartist=Ärtist\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=3210\ntitle=Two\n"
    )
    picture = tmp_path / "cover.jpg"
    picture.write_bytes(jpeg())
    about = ["-i", str(chapters), "-map_metadata", "1", "-attach", str(picture), "-metadata:s:t", "mimetype=image/jpeg"]
    source = encoded(tmp_path, "a.mka", *about, "-c:a", "flac", samples=SOUND)
    made = convert(source, "mka")
    assert packets(made.path) == packets(source)
    assert (made.report.result.tags["title"], made.report.result.tags["artist"]) == ("Song", "Ärtist")
    assert made.report.result.has_cover
    assert made.report.result.chapter_count == 2
    assert made.report.not_carried == ()


def test_the_copy_of_an_aac_stream_gets_atoms(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.m4a", "-metadata", "title=Song", "-metadata", "lyrics=La la", samples=SOUND)
    song = MP4(convert(source, "m4a").path)
    assert (song["\xa9nam"], song["\xa9lyr"]) == (["Song"], ["La la"])


def test_options_that_ask_for_something_else_encode_anew(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.mp3", "-b:a", "128k", samples=SOUND)
    made = convert(source, "mp3", bit_rate=64_000)
    assert probed(made.path, "bit_rate")["bit_rate"] == "64000"


def test_what_a_container_can_not_say_is_encoded_anew(tmp_path: Path, convert: Convert) -> None:
    # Matroska gives the encoder's delay of MP3 in a way that decoders don't heed: no LAME header says as much.
    source = encoded(tmp_path, "a.mkv", "-c:a", "libmp3lame", samples=SOUND)
    made = convert(source, "mp3")
    assert packets(made.path) != packets(source)
    assert made.report.result.sample_count == made.report.source.sample_count


@pytest.mark.parametrize(
    ("name", "coder", "to"),
    [("a.m4a", "aac", "aac"), ("a.flac", "flac", "mka"), ("a.opus", "libopus", "webm"), ("a.mka", "flac", "flac")],
)
def test_a_damaged_source_is_found_though_it_is_only_copied(
    tmp_path: Path, convert: Convert, name: str, coder: str, to: str
) -> None:
    arguments = ["-movflags", "+faststart"] if name == "a.m4a" else []
    source = encoded(tmp_path, name, "-c:a", coder, *arguments, samples=SOUND)
    data = bytearray(source.read_bytes())
    source.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(ConversionError) as failed:
        convert(source, to)
    assert failed.value.failure.code is FailureCode.DAMAGED_INPUT
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(each ^ 0x5A for each in data[middle : middle + 300])
    source.write_bytes(data)
    if coder != "aac":  # its frames have no checksum: what was changed may be sound as well
        with pytest.raises(ConversionError) as failed:
            convert(source, to)
        assert failed.value.failure.code is FailureCode.DAMAGED_INPUT


@pytest.mark.parametrize(
    ("target", "options", "is_copied"),
    [
        ("m4a", {}, True),
        ("aac", {"sample_rate": 44_100, "channels": 2}, True),
        ("m4a", {"sample_rate": 48_000}, False),
        ("m4a", {"channels": 1}, False),
        ("m4a", {"bit_rate": 128_000}, False),
        ("mp3", {}, False),
        ("alac", {}, False),
    ],
)
def test_what_is_copied_is_decided_by_codec_and_options(target: str, options: dict[str, int], is_copied: bool) -> None:
    made = copy_plan(MOV, AAC, FORMATS[target], ConversionOptions(**options))  # type: ignore[arg-type]
    assert (made is not None) is is_copied


def test_containers_whose_packets_have_no_exact_times_are_not_copied() -> None:
    mp3 = replace(AAC, codec="mp3")
    assert copy_plan("mpegts", mp3, FORMATS["mp3"], ConversionOptions()) is None
    assert copy_plan("asf", AAC, FORMATS["m4a"], ConversionOptions()) is None


def flac_of(path: Path, bits: int) -> Path:
    """By Xiph's own encoder, of some sound with so many bits a sample."""
    size = -(-bits // 8)
    samples = np.round(music(2.0) * ((1 << bits - 1) - 1)).astype("<i4")
    raw = path.with_suffix(".raw")
    raw.write_bytes(samples.view(np.uint8).reshape(-1, 4)[:, :size].tobytes())
    form = ["--force-raw-format", "--endian=little", "--sign=signed", "--channels=2", "--sample-rate=44100"]
    subprocess.run(["flac", "-s", "-f", *form, f"--bps={bits}", raw, "-o", path], check=True)
    return path


@pytest.mark.parametrize("bits", [8, 16, 24])
def test_flac_of_any_depth_is_copied_with_its_checksum(tmp_path: Path, convert: Convert, bits: int) -> None:
    source = flac_of(tmp_path / "a.flac", bits)
    made = convert(source, "flac")
    assert packets(made.path) == packets(source)
    subprocess.run(["flac", "-ts", made.path], check=True)


@pytest.mark.parametrize("bits", [4, 8, 12, 16, 20, 24, 32])
def test_flac_is_known_by_its_samples_as_they_are_coded(bits: int) -> None:
    size, stored = -(-bits // 8), 16 if bits <= 16 else 32
    samples = np.round(music(0.5) * ((1 << bits - 1) - 1)).astype(np.int64)
    coded = samples.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :size].tobytes()
    digest = SoundDigest(bits)
    for part in np.array_split(samples << stored - bits, 3):
        digest.add(memoryview(part.astype(f"<i{stored // 8}").tobytes()))
    assert digest.digest() == hashlib.md5(coded, usedforsecurity=False).digest()


@pytest.mark.parametrize("name", ["a.flac", "a.oga", "a.mka"])
@pytest.mark.parametrize("to", ["flac", "mka"])
@pytest.mark.parametrize("bits", [16, 24])
def test_a_checksum_of_another_sound_is_put_right(
    tmp_path: Path, convert: Convert, name: str, to: str, bits: int
) -> None:
    whole = flac_of(tmp_path / "whole.flac", bits)
    data = bytearray(whole.read_bytes())
    data[26] ^= 1  # behind the marker and the block's head, the MD5 is the last 16 of 34 bytes
    wrong = tmp_path / "wrong.flac"
    wrong.write_bytes(data)
    source = tmp_path / f"of {name}"
    ffmpeg("-i", wrong, "-c", "copy", source)
    made = convert(source, to)
    assert packets(made.path) == packets(whole)
    flac = tmp_path / "made.flac"
    ffmpeg("-i", made.path, "-c", "copy", flac)
    subprocess.run(["flac", "-ts", flac], check=True)


def test_a_checksum_that_nobody_knew_is_copied(tmp_path: Path, convert: Convert) -> None:
    source = flac_of(tmp_path / "a.flac", 16)
    data = bytearray(source.read_bytes())
    data[26:42] = bytes(16)
    source.write_bytes(data)
    assert packets(convert(source, "flac").path) == packets(source)
