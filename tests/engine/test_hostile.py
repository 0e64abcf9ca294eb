"""Files that are broken, lie, or are built to do harm: each ends in a clear failure, and the next job is served."""

from __future__ import annotations

import gzip
import struct
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path

import mutagen
import numpy as np
import pytest
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.flac import Picture as FlacPicture
from mutagen.id3 import APIC, ID3, TXXX

from soundmill.engine import Limits
from soundmill.model.conversion import ConversionError, Failure, FailureCode
from tests.engine.conftest import Convert
from tests.engine.mills import conversions
from tests.sounds import RATE, decoded, encoded, ffmpeg, jpeg, music, write

SLOW = pytest.mark.slow
TARGETS = ["mp3", pytest.param("wav", marks=SLOW), pytest.param("flac", marks=SLOW)]
MODEST = Limits(wall=timedelta(seconds=60), cpu=timedelta(seconds=40))
KINDS = ["mp3", "wav", "ogg", "opus", "flac", "m4a", "wma", "aac", "mka", "webm", "aiff", "mp4"]
BARE = {"aac"}  # nothing in an ADTS file says how long it should be
SECONDS = 6.0


@pytest.fixture(autouse=True)
def nothing_is_left_behind(tmp_path: Path) -> Iterator[None]:
    """No process but the mill's server outlives its job, and only the job's own directory is written to."""
    yield
    assert conversions() == []


def failure_of(convert: Convert, source: Path, to: str = "wav", limits: Limits = MODEST) -> Failure:
    """Why it failed: in a whole sentence, with nothing of ours or FFmpeg's in it, and nothing beside the job's directory."""
    beside = sorted(source.parent.glob("*"))
    with pytest.raises(ConversionError) as failed:
        convert(source, to, limits)
    assert {
        each for each in source.parent.glob("*") if each not in beside and not each.name.startswith("job ")
    } == set()
    failure = failed.value.failure
    assert failure.message.endswith(".")
    assert str(source.parent) not in failure.message
    assert failure.code not in (FailureCode.CRASHED, FailureCode.INTERNAL), failed.value.detail_for_log
    return failure


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A sound file of each kind; ``mp4`` has a picture that moves, too."""
    directory = tmp_path_factory.mktemp("whole")

    @cache
    def make(extension: str) -> Path:
        if extension == "mp4":
            sound = write(directory / "sound.wav", music(SECONDS))
            film = f"testsrc=s=64x64:r=10:d={SECONDS}"
            ffmpeg("-f", "lavfi", "-i", film, "-i", sound, "-c:v", "mpeg4", directory / "a.mp4")
            return directory / "a.mp4"
        return encoded(directory, f"a.{extension}", samples=music(SECONDS))

    return make


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", FailureCode.EMPTY_INPUT),
        (b"Not a sound, but a text.\n" * 200, FailureCode.UNSUPPORTED_INPUT),
        (np.random.default_rng(5).bytes(300_000), FailureCode.UNSUPPORTED_INPUT),
        (gzip.compress(bytes(50_000_000)), FailureCode.UNSUPPORTED_INPUT),
    ],
    ids=["empty", "text", "noise", "gzip bomb"],
)
@pytest.mark.parametrize("name", ["a.mp3", "a.wav"])
def test_what_is_no_sound_is_refused(
    tmp_path: Path, convert: Convert, name: str, data: bytes, code: FailureCode
) -> None:
    (tmp_path / name).write_bytes(data)
    assert failure_of(convert, tmp_path / name).code is code


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("percent", [1, 50, 99])
@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_off_file_fails(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path], kind: str, percent: int, to: str
) -> None:
    data = whole(kind).read_bytes()
    cut = tmp_path / f"a.{kind}"
    cut.write_bytes(data[: len(data) * percent // 100])
    if kind in BARE:
        assert convert(cut, to).report.source.duration == pytest.approx(SECONDS * percent / 100, rel=0.1, abs=0.05)
        return
    failure = failure_of(convert, cut, to)
    assert failure.code is FailureCode.DAMAGED_INPUT
    assert any(each.isdigit() for each in failure.message) or percent == 1, "it says where"


@pytest.mark.parametrize("kind", [*KINDS, "wv", "tta", "au", "caf"])
def test_flipped_bytes_never_make_the_sound_shorter_unnoticed(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path], kind: str
) -> None:
    data = bytearray(whole(kind).read_bytes())
    expected = convert(whole(kind), "wav", MODEST).report.source.duration
    for seed in range(4):
        flipped = bytearray(data)
        at = int(np.random.default_rng(seed).integers(len(data) // 4, 3 * len(data) // 4))
        for offset in range(64):
            flipped[at + offset] ^= 0xA5
        damaged = tmp_path / f"{seed}.{kind}"
        damaged.write_bytes(flipped)
        try:
            made = convert(damaged, "wav", MODEST)
        except ConversionError as failed:
            assert failed.failure.code is FailureCode.DAMAGED_INPUT  # noqa: PT017
        else:
            assert made.report.source.duration == pytest.approx(expected, abs=0.03)


SECRET = 0.5


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that nobody may hear: one loud tone."""
    return write(tmp_path / "secret.wav", np.full((RATE, 2), SECRET))


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{path}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nfile://{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{path}'\n",
        (
            '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
            'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="audio/wav"><Representation id="1">'
            "<BaseURL>file://{path}</BaseURL></Representation></AdaptationSet></Period></MPD>\n"
        ),
    ],
    ids=["hls", "hls with a URL", "ffconcat", "dash"],
)
@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.m4a"])
@pytest.mark.parametrize("disguise", [b"", b"ID3\x04\x00\x00\x00\x00\x00\x00"], ids=["plain", "behind ID3"])
def test_a_playlist_reads_no_other_file(
    tmp_path: Path, convert: Convert, secret: Path, playlist: str, name: str, disguise: bytes
) -> None:
    (tmp_path / name).write_bytes(disguise + playlist.format(path=secret).encode())
    assert failure_of(convert, tmp_path / name).code is FailureCode.UNSUPPORTED_INPUT


def test_a_film_that_refers_to_another_file_gets_nothing_of_it(tmp_path: Path, convert: Convert, secret: Path) -> None:
    """QuickTime's data references can name other files."""
    whole = encoded(tmp_path, "a.mov", "-c:a", "pcm_s16le", samples=music(1.0)).read_bytes()
    own = b"\x00\x00\x00\x0curl \x00\x00\x00\x01"
    assert own in whole
    name = str(secret).encode()
    for reference in (b"\x00\x00\x00\x0curl \x00\x00\x00\x00", b"\x00\x00\x00\x0calis\x00\x00\x00\x00"):
        lying = tmp_path / f"{reference[4:7].decode()}.mov"
        lying.write_bytes(whole.replace(own, reference).replace(b"mdat", b"free", 1) + name)
        try:
            made = convert(lying, "wav", MODEST)
        except ConversionError as failed:
            assert failed.failure.code in (FailureCode.DAMAGED_INPUT, FailureCode.NO_AUDIO)  # noqa: PT017
        else:
            assert np.std(decoded(made.path)[:1000]) > 0.01, "it is not the other file's steady level"


def wave_header(
    rate: int = RATE, channels: int = 2, bits: int = 16, data_bytes: int = 4000, tag: int = 1, block: int | None = None
) -> bytes:
    block = channels * bits // 8 if block is None else block
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * block & 0xFFFFFFFF, block, bits)
    return (
        b"RIFF" + struct.pack("<I", 36 + data_bytes & 0xFFFFFFFF) + b"WAVEfmt \x10\x00\x00\x00" + form
        + b"data" + struct.pack("<I", data_bytes)
    )  # fmt: skip


@pytest.mark.parametrize(
    "header",
    [
        wave_header(channels=0),
        wave_header(channels=0, block=4),
        wave_header(channels=255, block=510),
        wave_header(channels=65535, block=65534),
        wave_header(rate=0),
        wave_header(rate=1),
        wave_header(rate=4_294_967_295),
        wave_header(rate=0x7FFF_FFFF),
        wave_header(bits=0, block=4),
        wave_header(bits=63),
        wave_header(tag=0x4D42),
        wave_header(data_bytes=3_000_000_000),
        b"RF64\xff\xff\xff\xffWAVEds64\x1c\x00\x00\x00" + struct.pack("<QQQI", 1 << 45, 1 << 45, 1 << 43, 0)
        + wave_header(data_bytes=0xFFFF_FFFF)[12:],
    ],
    ids=lambda header: header[:40].hex()[-40:],
)  # fmt: skip
@pytest.mark.parametrize("to", TARGETS)
def test_a_wave_header_that_lies_is_refused(tmp_path: Path, convert: Convert, header: bytes, to: str) -> None:
    (tmp_path / "a.wav").write_bytes(header + bytes(range(250)) * 16)
    failure = failure_of(convert, tmp_path / "a.wav", to)
    assert failure.code in (FailureCode.UNSUPPORTED_INPUT, FailureCode.DAMAGED_INPUT)


def test_a_flac_header_that_claims_days_is_refused(tmp_path: Path, convert: Convert) -> None:
    lying = encoded(tmp_path, "a.flac")
    data = bytearray(lying.read_bytes())
    data[21] |= 0x0F
    lying.write_bytes(data)
    assert "ends early" in failure_of(convert, lying).message


@pytest.mark.parametrize("box", [b"stsz", b"stts", b"stco", b"mdat", b"stsc"])
def test_an_mp4_header_with_huge_numbers_is_refused(tmp_path: Path, convert: Convert, box: bytes) -> None:
    lying = encoded(tmp_path, "a.m4a")
    data = bytearray(lying.read_bytes())
    at = data.index(box)
    if box == b"mdat":
        data[at - 4 : at] = b"\x7f\xff\xff\xff"
    else:
        data[at + 8 : at + 24] = b"\x7f\xff\xff\xff" * 4
    lying.write_bytes(data)
    failure = failure_of(convert, lying)
    assert failure.code in (FailureCode.DAMAGED_INPUT, FailureCode.UNSUPPORTED_INPUT, FailureCode.MEMORY_LIMIT)


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hours of silence in a small FLAC file, whose own header doesn't say how many."""
    path = tmp_path_factory.mktemp("endless") / "a.flac"
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono:d=36000", "-c:a", "flac", "-frame_size", "16384", path)
    data = bytearray(path.read_bytes())
    data[21:26] = bytes([data[21] & 0xF0]) + bytes(4)
    path.write_bytes(data)
    return path


def test_hours_in_a_small_file_are_stopped_by_the_limit(convert: Convert, endless: Path) -> None:
    assert endless.stat().st_size < 2_000_000
    failure = failure_of(convert, endless, limits=Limits(decoded=timedelta(hours=2), memory_bytes=400 << 20))
    assert (failure.code, failure.message) == (
        FailureCode.TOO_LONG,
        "The file holds more than the 2:00:00 of sound that are allowed.",
    )


def test_hours_in_a_small_file_are_stopped_by_processor_time(convert: Convert, endless: Path) -> None:
    failure = failure_of(convert, endless, "mp3", Limits(cpu=timedelta(seconds=1), memory_bytes=400 << 20))
    assert failure.code is FailureCode.CPU_LIMIT


def with_tags(path: Path, count: int) -> Path:
    if path.suffix == ".mp3":
        tags = ID3()
        for number in range(count):
            tags.add(TXXX(encoding=3, desc=f"name {number}", text=["value"]))
        tags.save(path)
        return path
    opened = mutagen.File(path)
    if path.suffix == ".m4a":
        for number in range(count):
            opened[f"----:com.apple.iTunes:name {number}"] = b"value"
    else:
        opened.tags.extend([(f"NAME{number}", "value") for number in range(count)])
    opened.save()
    return path


@pytest.mark.parametrize("name", ["a.mp3", *(pytest.param(each, marks=SLOW) for each in ("a.ogg", "a.m4a"))])
def test_fifty_thousand_tags_cost_seconds_at_most(tmp_path: Path, convert: Convert, name: str) -> None:
    """FFmpeg alone would take 16 to 46 s of processor time."""
    heavy = with_tags(encoded(tmp_path, name, "-metadata", "title=a", samples=music(1.0)), 50_000)
    failure = failure_of(convert, heavy, limits=Limits(cpu=timedelta(seconds=9)))
    assert failure.code is FailureCode.CPU_LIMIT
    assert "too many tags" in failure.message


def test_names_of_tags_that_are_megabytes_fill_no_report(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(0.2))
    tagged = FLAC(source)
    tagged.tags.extend([("A" * 5_000_000, "value"), ("B" * 5_000_000, "value"), ("TITLE", "Song")])
    tagged.save()
    report = convert(source, "wav").report
    assert report.source.tags == {"title": "Song"}
    assert any(each.startswith("tag: aaaa") for each in report.not_carried)
    assert max(map(len, report.not_carried)) <= 300


def with_cover(path: Path, cover: bytes, mime: str = "image/jpeg") -> Path:
    if path.suffix == ".flac":
        flac = FLAC(path)
        picture = FlacPicture()
        picture.type, picture.mime, picture.data = 3, mime, cover
        flac.add_picture(picture)
        flac.save()
    else:
        tags = ID3()
        tags.add(APIC(encoding=3, mime=mime, type=3, desc="", data=cover))
        tags.save(path)
    return path


def pictures(path: Path) -> list[bytes]:
    """The covers that mutagen finds."""
    opened = mutagen.File(path)
    if path.suffix in (".ogg", ".opus"):
        return [FlacPicture(b64decode(each)).data for each in (opened.tags or {}).get("metadata_block_picture", [])]
    if opened is None or not opened.tags:
        return [each.data for each in getattr(opened, "pictures", [])]
    if isinstance(opened.tags, ID3):
        return [each.data for each in opened.tags.getall("APIC")]
    if path.suffix == ".wma":
        blocks = [bytes(each.value) for each in opened.tags.get("WM/Picture", [])]
        return [each[-int.from_bytes(each[1:5], "little") :] for each in blocks]
    return [each.data for each in getattr(opened, "pictures", [])] + [
        bytes(each) for each in opened.tags.get("covr", [])
    ]


BROKEN_COVERS = {
    "truncated": jpeg(64)[: len(jpeg(64)) // 2],
    "head only": jpeg(64)[:20],
    "text": b"This is no picture. " * 30,
}


@pytest.mark.parametrize("to", ["mp3", "wav", "m4a", "flac", "wma"])
@pytest.mark.parametrize("source", ["a.mp3", pytest.param("a.flac", marks=SLOW)])
@pytest.mark.parametrize("cover", BROKEN_COVERS)
def test_a_broken_cover_never_fails_a_conversion(
    tmp_path: Path, convert: Convert, source: str, cover: str, to: str
) -> None:
    made = convert(with_cover(encoded(tmp_path, source), BROKEN_COVERS[cover]), to, MODEST)
    carried = pictures(made.path) == [BROKEN_COVERS[cover]]
    assert carried != ("cover" in made.report.not_carried)


@pytest.mark.parametrize(
    "to", ["wav", "m4a", "flac", *(pytest.param(each, marks=SLOW) for each in ("mp3", "ogg", "wma", "opus"))]
)
@pytest.mark.parametrize("source", ["a.mp3", pytest.param("a.flac", marks=SLOW)])
def test_a_huge_cover_is_carried_or_said_to_be_lost(tmp_path: Path, convert: Convert, source: str, to: str) -> None:
    size = 20_000_000 if source == "a.mp3" else 15_000_000  # FLAC's own limit is 16 MiB
    huge = jpeg(64)[:-2] + bytes(size) + b"\xff\xd9"
    made = convert(with_cover(encoded(tmp_path, source), huge), to, MODEST)
    carried = pictures(made.path) == [huge]
    assert carried != ("cover" in made.report.not_carried)


def test_a_png_wider_than_a_png_can_be_is_no_cover(tmp_path: Path, convert: Convert) -> None:
    """FFmpeg's numbers have 31 bits: its muxers couldn't be told of it."""
    wide = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\0\0\0\x10\x08\x02\0\0\0" + bytes(100)
    source = with_cover(encoded(tmp_path, "a.mp3", samples=music(0.2)), wide, "image/png")
    for to in ("mp3", "flac"):
        assert convert(source, to, MODEST).report.not_carried == ("cover",)


def test_a_windows_media_cover_that_is_a_text_is_none(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.wma", samples=music(0.2))
    song = ASF(source)
    song["WM/Picture"] = ["no picture"]
    song.save()
    assert pictures(convert(source, "flac", MODEST).path) == []


def test_chapters_in_chapters_without_end_fail_no_conversion(tmp_path: Path, convert: Convert) -> None:
    """mutagen reads the frames inside a chapter, and those inside of these, as deep as they go."""
    source = encoded(tmp_path, "a.mp3", "-write_id3v2", "0", samples=music(0.2))
    frames = b""
    for _ in range(2000):
        frames = id3_frame(b"CHAP", b"a\0" + bytes(16) + frames)
    frames += id3_frame(b"TIT2", b"\3a title")
    source.write_bytes(b"ID3\4\0\0" + synchsafe(len(frames)) + frames + source.read_bytes())
    assert convert(source, "wav", MODEST).report.source.tags == {"title": "a title"}


def id3_frame(name: bytes, content: bytes) -> bytes:
    return name + synchsafe(len(content)) + b"\0\0" + content


def synchsafe(size: int) -> bytes:
    """Seven bits a byte (id3.org, ID3v2.4, section 6.2)."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def test_a_number_of_thousands_of_digits_is_lost_and_said_to_be(tmp_path: Path, convert: Convert) -> None:
    digits = "1" * 5000
    source = encoded(
        tmp_path, "a.flac", "-metadata", "track=1", "-metadata", f"tracktotal={digits}", "-metadata", f"bpm={digits}",
        samples=music(0.2),
    )  # fmt: skip
    assert convert(source, "m4a", MODEST).report.not_carried == ("tag: tracktotal",)


@pytest.mark.parametrize("size", [1 << 62, (1 << 64) - 1])
def test_a_box_larger_than_any_file_is_cut_off(tmp_path: Path, convert: Convert, size: int) -> None:
    source = encoded(tmp_path, "a.m4a", samples=music(0.2))
    source.write_bytes(source.read_bytes() + b"\0\0\0\1free" + size.to_bytes(8))
    assert "ends early" in failure_of(convert, source).message


def test_what_matroska_hides_in_an_element_without_size_is_missed(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.mka", "-c:a", "flac", samples=music(3.0))
    data = bytearray(source.read_bytes())
    block = next(at for at in range(len(data) // 2, len(data)) if data[at] == 0xA3 and data[at + 3 : at + 4] == b"\x81")
    data[block : block + 9] = b"\xec\x01" + b"\xff" * 7  # Void
    source.write_bytes(data)
    failure = failure_of(convert, source)
    assert failure.code is FailureCode.DAMAGED_INPUT
    assert f"byte {block:,}" in failure.message


def test_matroska_that_counts_in_ages_is_cut_off_at_a_time_that_can_be_said(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.mka", "-c:a", "flac", samples=music(3.0))
    data = bytearray(source.read_bytes())
    scale = data.index(b"\x2a\xd7\xb1\x83")
    data[scale + 3 : scale + 5] = b"\xff\x7f"  # 127 bytes
    source.write_bytes(data[:-100])
    assert len(failure_of(convert, source).message) < 100


@pytest.mark.parametrize("on_damage", ["fail", "salvage"])
def test_a_flac_header_that_no_decoder_takes_is_damaged(tmp_path: Path, convert: Convert, on_damage: str) -> None:
    """PyAV fails otherwise at the second packet than at the first."""
    source = encoded(tmp_path, "a.flac", samples=music(0.5))
    data = bytearray(source.read_bytes())
    data[21] = 0  # bits a sample
    source.write_bytes(data)
    with pytest.raises(ConversionError) as failed:
        convert(source, "wav", on_damage=on_damage)
    assert failed.value.failure.code is FailureCode.DAMAGED_INPUT


def test_a_film_without_sound_holds_no_audio(tmp_path: Path, convert: Convert) -> None:
    for name in ("a.mp4", "a.mkv", "a.avi", "a.webm"):
        ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:r=10:d=1", tmp_path / name)
        failure = failure_of(convert, tmp_path / name)
        assert (failure.code, failure.message) == (FailureCode.NO_AUDIO, "This file holds no audio.")


def test_a_codec_that_is_not_allowed_is_named(tmp_path: Path, convert: Convert) -> None:
    made = encoded(tmp_path, "a.ts", "-c:a", "s302m", "-strict", "-2", samples=music(0.5, 48_000), rate=48_000)
    failure = failure_of(convert, made)
    assert failure.code is FailureCode.UNSUPPORTED_INPUT
    assert "can't decode the sound in this file (s302m)" in failure.message


def test_the_next_job_is_served_after_all_of_this(tmp_path: Path, convert: Convert) -> None:
    (tmp_path / "bad.mp3").write_bytes(b"bad")
    for _ in range(3):
        failure_of(convert, tmp_path / "bad.mp3")
        assert convert(encoded(tmp_path, "good.flac"), "mp3").path.stat().st_size > 0
