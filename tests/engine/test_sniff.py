"""Files are told by their bytes."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.engine.codecs.mpeg import first_mpeg_frame, xing_sample_count
from soundmill.engine.containers.sniff import DEMUXERS, sniff
from soundmill.model.conversion import ConversionError, FailureCode
from tests.sounds import encoded, music, write


def kind_of(data: bytes) -> str:
    return sniff(io.BytesIO(data))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mp3", "mp3"),
        ("a.aac", "aac"),
        ("a.flac", "flac"),
        ("a.ogg", "ogg"),
        ("a.opus", "ogg"),
        ("a.aiff", "aiff"),
        ("a.wma", "asf"),
        ("a.m4a", "mov,mp4,m4a,3gp,3g2,mj2"),
        ("a.mka", "matroska,webm"),
        ("a.caf", "caf"),
        ("a.au", "au"),
        ("a.w64", "w64"),
        ("a.wv", "wv"),
        ("a.tta", "tta"),
        ("a.ac3", "ac3"),
        ("a.eac3", "eac3"),
        ("a.ts", "mpegts"),
        ("a.avi", "avi"),
        ("a.flv", "flv"),
        ("a.mpg", "mpeg"),
        ("a.wav", "wav"),
    ],
)
def test_every_kind_is_told_without_its_name(tmp_path: Path, name: str, kind: str) -> None:
    made = encoded(tmp_path, name)
    with made.open("rb") as stream:
        assert sniff(stream) == kind
    assert kind in DEMUXERS


@pytest.mark.parametrize(
    "data",
    [
        b"hello, I am a text\n" * 100,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b'<?xml version="1.0"?><MPD></MPD>',
        b"\x1f\x8b\x08\x00" + bytes(100),
        b"RIFF\x00\x00\x00\x00WEBP",
        b"\xff\xfb",
        b"ID3\x04\x00\x00\x00\x00\x00\x00",
        bytes(100_000),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ConversionError) as refused:
        kind_of(data)
    assert refused.value.failure.code is FailureCode.UNSUPPORTED_INPUT


def test_nothing_is_empty() -> None:
    with pytest.raises(ConversionError) as refused:
        kind_of(b"")
    assert refused.value.failure.code is FailureCode.EMPTY_INPUT


@given(st.binary(max_size=3000), st.sampled_from([b"", b"ID3", b"RIFF", b"FORM", b"\xff\xfb", b"\xff\xf1", b"G"]))
def test_no_bytes_are_too_strange_to_be_told_or_refused(tail: bytes, head: bytes) -> None:
    try:
        kind = kind_of(head + tail)
    except ConversionError as refused:
        assert refused.failure.code in (FailureCode.UNSUPPORTED_INPUT, FailureCode.EMPTY_INPUT)  # noqa: PT017
    else:
        assert kind in DEMUXERS


@pytest.mark.parametrize("sent_before", [0, 100])
def test_frames_in_packets_of_mpeg_ts_are_not_bare(sent_before: int) -> None:
    """One packet holds several frames of silence in a row, behind which there would be no other."""
    frame = bytes.fromhex("fff14c80013ffc2100")
    packet = b"G\1\0\x10" + (frame * 21)[:184]
    assert kind_of((packet * 40)[sent_before:]) == "mpegts"


@given(st.binary(max_size=3000))
def test_counting_mpeg_frames_never_fails(data: bytes) -> None:
    first_mpeg_frame(data)
    xing_sample_count(data)


def test_lame_says_how_many_samples_there_are(tmp_path: Path) -> None:
    made = encoded(tmp_path, "a.mp3", "-write_id3v2", "0", samples=music(1.2345))
    assert xing_sample_count(made.read_bytes()) == round(1.2345 * 44_100)


def test_cbr_without_a_header_says_nothing(tmp_path: Path) -> None:
    made = encoded(tmp_path, "a.mp3", "-write_xing", "0", "-write_id3v2", "0")
    assert xing_sample_count(made.read_bytes()) is None


def test_junk_before_the_first_frame_is_skipped(tmp_path: Path) -> None:
    made = encoded(tmp_path, "a.mp3", "-write_id3v2", "0")
    assert kind_of(b"junk" * 100 + made.read_bytes()) == "mp3"


def zipped(packed: Path, song: Path) -> None:
    with zipfile.ZipFile(packed, "w") as archive:  # not compressed
        archive.write(song, song.name)


def tarred(packed: Path, song: Path) -> None:
    with tarfile.open(packed, "w") as archive:
        archive.add(song, song.name)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_of_mp3_files_is_told_from_an_mp3_file(tmp_path: Path, pack: Callable[[Path, Path], None]) -> None:
    packed = tmp_path / "songs"
    pack(packed, encoded(tmp_path, "a.mp3", "-write_id3v2", "0"))
    with pytest.raises(ConversionError, match="archive"):
        kind_of(packed.read_bytes())


def test_the_rest_of_a_wave_file_does_not_matter(tmp_path: Path) -> None:
    made = write(tmp_path / "a.wav", music(0.1))
    assert kind_of(made.read_bytes()[:12]) == "wav"
