"""What people put around a sound is neither taken for it nor for damage, and what it says is carried."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC
from mutagen.id3 import APIC, ID3, TIT2, TPE1, TXXX

from soundmill.model.conversion import ConversionError, FailureCode
from tests.engine.conftest import Convert
from tests.sounds import decoded, encoded, ffmpeg, jpeg, music

TITLE = "A title of more than thirty letters"
# The machine's ffmpeg writes a tag of its own into some unless it is told not to.
BARE = ("-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact")
HAVE_LENGTH = ("wav", "aiff", "caf", "w64", "au", "m4a", "wma", "avi", "flv", "mka", "voc")
FRAMED = ("flac", "wv", "tta", "ac3", "eac3", "dts")
ARGUMENTS = {
    "dts": ("-strict", "-2", "-ar", "48000"),
    "live.mka": ("-live", "1"),
    "m2ts": ("-f", "mpegts", "-mpegts_m2ts_mode", "1"),
}
CODED_IN_FRAMES_OF = {"ac3": 1536, "eac3": 1536, "dts": 512}


def id3v2() -> bytes:
    tags, made = ID3(), io.BytesIO()
    tags.add(TIT2(encoding=3, text=[TITLE]))
    tags.add(TPE1(encoding=3, text=["Ann", "Bob"]))
    tags.add(TXXX(encoding=3, desc="MOOD", text=["calm"]))
    tags.add(APIC(encoding=3, mime="image/jpeg", type=3, desc="", data=jpeg()))
    tags.save(made)
    return made.getvalue()


def id3v1() -> bytes:
    fields = (TITLE[:30], "Cleo", "Nile", "1999", "said")
    return (
        b"TAG"
        + b"".join(each.encode().ljust(size, b"\0") for each, size in zip(fields, (30, 30, 30, 4, 30), strict=True))
        + bytes([17])
    )


def ape() -> bytes:
    tags, made = APEv2(), io.BytesIO()
    tags["Title"], tags["Artist"] = TITLE, ["Ann", "Bob"]
    tags.save(made)
    return made.getvalue()


def lyrics() -> bytes:
    text = b"LYRICSBEGININD0000300"
    return text + f"{len(text):06}LYRICS200".encode()


def plain(directory: Path, kind: str) -> Path:
    return encoded(directory, f"a.{kind}", *BARE, *ARGUMENTS.get(kind, ()))


def around(path: Path, before: bytes = b"", behind: bytes = b"") -> Path:
    path.write_bytes(before + path.read_bytes() + behind)
    return path


@pytest.mark.parametrize("kind", HAVE_LENGTH + FRAMED)
def test_id3v2_before_a_file_is_no_part_of_it_but_read(tmp_path: Path, convert: Convert, kind: str) -> None:
    source = plain(tmp_path, kind)
    count = convert(source, "wav").report.source.sample_count
    made = convert(around(source, id3v2() * 2), "flac")
    assert made.report.source.sample_count == count
    song = FLAC(made.path)
    assert (song["title"], song["artist"], song["mood"]) == ([TITLE], ["Ann", "Bob"], ["calm"])
    assert [each.data for each in song.pictures] == [jpeg()]
    assert made.report.not_carried == ()


@pytest.mark.parametrize("kind", FRAMED)
@pytest.mark.parametrize("behind", [ape() + id3v1(), ape() + lyrics() + id3v1(), ape()])
def test_tags_behind_frames_cost_no_frame_and_are_read(
    tmp_path: Path, convert: Convert, kind: str, behind: bytes
) -> None:
    source = plain(tmp_path, kind)
    count = convert(source, "wav").report.source.sample_count
    made = convert(around(source, behind=behind), "flac")
    assert made.report.source.sample_count == count
    song = FLAC(made.path)
    assert (song["title"], song["artist"]) == ([TITLE], ["Ann", "Bob"])
    assert song.get("album") == (["Nile"] if behind.endswith(id3v1()) else None)
    assert made.report.not_carried == ()


@pytest.mark.parametrize("kind", ["au", "mka", "live.mka", "ts", "m2ts", "ac3", "eac3", "dts", "wv"])
@pytest.mark.parametrize("behind", [bytes(1000), b"written by somebody\r\n" * 9, id3v2()])
def test_what_stands_behind_the_end_is_no_sound_and_no_damage(
    tmp_path: Path, convert: Convert, kind: str, behind: bytes
) -> None:
    source = plain(tmp_path, kind)
    whole = convert(source, "wav").path.read_bytes()
    assert convert(around(source, behind=behind), "wav").path.read_bytes() == whole


@pytest.mark.parametrize(("kind", "lost"), [("live.mka", 2000), ("live.mka", 100_000), ("ts", 100_000)])
def test_a_hole_at_the_end_of_what_does_not_say_where_it_ends_is_told(
    tmp_path: Path, convert: Convert, kind: str, lost: int
) -> None:
    """Zeros where a program, or a file system, never wrote."""
    data = bytearray(encoded(tmp_path, f"a.{kind}", *ARGUMENTS.get(kind, ()), samples=music(10.0)).read_bytes())
    begin = len(data) - max(lost, 8000)
    data[begin : begin + lost] = bytes(lost)
    source = tmp_path / f"holed.{kind}"
    source.write_bytes(data)
    with pytest.raises(ConversionError, match=r"is damaged after 0:0"):
        convert(source, "wav")
    assert convert(source, "wav", on_damage="salvage").report.source.damage


def test_id3v1_completes_id3v2(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.mp3", "-id3v2_version", "0")
    tags = ID3()
    tags.add(TIT2(encoding=3, text=[TITLE]))
    tags.save(source)
    made = convert(around(source, behind=id3v1()), "flac")
    assert made.report.result.tags == {
        "title": TITLE,
        "artist": "Cleo",
        "album": "Nile",
        "date": "1999",
        "comment": "said",
        "genre": "Rock",
    }
    assert made.report.not_carried == ()


@pytest.mark.parametrize("kind", ["ac3", "eac3", "dts"])
@pytest.mark.parametrize("how", ["gone", "zero", "noise"])
def test_bare_frames_that_are_missing_are_told(tmp_path: Path, convert: Convert, kind: str, how: str) -> None:
    source = plain(tmp_path, kind)
    data = source.read_bytes()
    begin = len(data) // 2
    filling = {"gone": b"", "zero": bytes(3000), "noise": music(0.1).tobytes()[:3000]}[how]
    source.write_bytes(data[:begin] + filling + data[begin + 3000 :])
    with pytest.raises(ConversionError) as caught:
        convert(source, "wav")
    assert caught.value.failure.code == FailureCode.DAMAGED_INPUT
    assert "is damaged after 0:00 (byte " in caught.value.failure.message
    assert convert(source, "wav", on_damage="salvage").report.not_carried


@pytest.mark.parametrize("kind", ["ac3", "eac3", "dts"])
def test_half_a_frame_at_the_end_is_not_heard(tmp_path: Path, convert: Convert, kind: str) -> None:
    source = plain(tmp_path, kind)
    count = convert(source, "wav").report.source.sample_count
    source.write_bytes(source.read_bytes()[:-100])
    assert convert(source, "wav").report.source.sample_count == count - CODED_IN_FRAMES_OF[kind]


def test_every_rate_and_size_of_ac3_is_known(tmp_path: Path, convert: Convert) -> None:
    for rate in (32_000, 44_100, 48_000):
        for kbits in (64, 96, 320, 640):
            original = encoded(tmp_path, f"{rate} {kbits}.ac3", "-ar", str(rate), "-b:a", f"{kbits}k")
            twice = tmp_path / "twice.ac3"
            twice.write_bytes(original.read_bytes() * 2)
            count = len(decoded(original, rate=rate))
            assert convert(twice, "wav").report.source.sample_count == 2 * count


def test_a_segment_of_matroska_that_is_shorter_than_it_says_is_damaged(tmp_path: Path, convert: Convert) -> None:
    source = tmp_path / "a.mka"
    ffmpeg("-i", encoded(tmp_path, "a.flac", samples=music(20.0)), source)
    data = source.read_bytes()
    at = data.index(bytes.fromhex("18538067")) + 4
    second = data.index(bytes.fromhex("1f43b675"), data.index(bytes.fromhex("1f43b675")) + 4)
    size = (1 << 56 | second - at - 8 + 2).to_bytes(8)
    source.write_bytes(data[:at] + size + data[at + 8 : second] + b"\0\0" + data[second + 2 :])
    with pytest.raises(ConversionError, match="is damaged"):
        convert(source, "wav")


def test_zeros_before_mp3_are_no_part_of_it(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.mp3", "-id3v2_version", "0")
    whole = convert(source, "wav").path.read_bytes()
    assert convert(around(source, bytes(30_000)), "wav").path.read_bytes() == whole
