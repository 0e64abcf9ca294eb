"""What has no name in other formats goes into files with the same kind of tags as it stands, and is told where it can't: judged by mutagen."""

from __future__ import annotations

from pathlib import Path

import mutagen
import pytest
from mutagen.asf import ASF, ASFBoolAttribute, ASFByteArrayAttribute, ASFDWordAttribute, ASFGUIDAttribute
from mutagen.flac import FLAC
from mutagen.id3 import (
    CHAP,
    COMM,
    ETCO,
    GEOB,
    ID3,
    MCDI,
    PCNT,
    POPM,
    PRIV,
    RVA2,
    SYLT,
    TIT2,
    TOFN,
    TXXX,
    UFID,
    USLT,
    WCOP,
    WOAR,
    WXXX,
    Frame,
    Frames,
)
from mutagen.mp4 import MP4, AtomDataType, MP4FreeForm

from tests.engine.conftest import Convert
from tests.sounds import encoded, music

LINKS = (
    WOAR(url="https://example.org/ann"),
    WOAR(url="https://example.org/bob"),
    WCOP(url="https://example.org/licence"),
    WXXX(encoding=3, desc="", url="https://example.org/"),
)
NAMELESS = (
    COMM(encoding=3, lang="deu", desc="", text=["eins"]),
    USLT(encoding=3, lang="deu", desc="by hand", text="la"),
    WXXX(encoding=1, desc="fans", url="https://example.org/fans"),
    UFID(owner="https://example.org", data=b"\x01\x02"),
    POPM(email="a@example.org", rating=200, count=7),
    PCNT(count=9),
    PRIV(owner="WM/Provider", data=b"A\0M\0G\0"),
    PRIV(owner="TRAKTOR4", data=b"cue points"),
    GEOB(encoding=0, mime="application/octet-stream", filename="", desc="Serato Markers2", data=b"\x01\x01markers"),
    MCDI(data=b"a table of contents"),
    RVA2(desc="a disco", channel=1, gain=-2.0, peak=0.5),
    SYLT(encoding=3, lang="eng", format=2, type=1, desc="", text=[("la", 100)]),
    ETCO(format=2, events=[(2, 100)]),
)
SAID = (
    TIT2(encoding=3, text=["a song"]),
    COMM(encoding=3, lang="eng", desc="", text=["one, which is longer than the other"]),
    COMM(encoding=0, lang="eng", desc="iTunNORM", text=[" 000002A0"]),
    USLT(encoding=3, lang="eng", desc="", text="tra la la, which is longer than the other"),
    TOFN(encoding=3, text=["original.mp3"]),
)
TOLD = [
    *("tag: ETCO", "tag: GEOB", "tag: MCDI", "tag: PCNT", "tag: POPM", "tag: PRIV (TRAKTOR4)", "tag: PRIV (WM/Provider)"),
    *("tag: RVA2", "tag: SYLT", "tag: UFID", "tag: WXXX", "tag: comment (deu)", "tag: lyrics-deu"),
]  # fmt: skip


def without_frames(directory: Path) -> Path:
    return encoded(directory, "a.mp3", "-id3v2_version", "0", "-write_xing", "1", samples=music(0.3))


def as_in_a_file(frame: Frame) -> bytes:
    data: bytes = frame._writeData()  # nothing else tells all of it
    return type(frame).__name__.encode() + data


def framed(directory: Path, *frames: Frame) -> Path:
    """With these frames in this order: mutagen would put the shortest ones first."""
    content = b""
    for each in frames:
        data = as_in_a_file(each)[4:]
        content += type(each).__name__.encode() + size_of(len(data)) + bytes(2) + data
    path = without_frames(directory)
    path.write_bytes(b"ID3\x04\0\0" + size_of(len(content)) + content + path.read_bytes())
    return path


def size_of(count: int) -> bytes:
    return bytes(count >> shift & 0x7F for shift in (21, 14, 7, 0))


def frames_of(path: Path) -> ID3:
    return ID3(path) if path.suffix == ".aac" else mutagen.File(path).tags


def seen(path: Path) -> list[bytes]:
    """All frames but the encoder's."""
    return sorted(as_in_a_file(each) for each in frames_of(path).values() if each.FrameID != "TSSE")


@pytest.mark.parametrize("to", ["mp3", "aac", "wav", "aiff"])
def test_frames_go_into_id3_as_they_stand_and_nothing_is_there_twice(tmp_path: Path, convert: Convert, to: str) -> None:
    source = framed(tmp_path, *SAID, *LINKS, *NAMELESS)
    there = convert(source, to)
    assert there.report.not_carried == ()
    assert seen(there.path) == seen(source)
    back = convert(there.path, "mp3", bit_rate=64_000)
    assert back.report.not_carried == ()
    assert seen(back.path) == seen(source)


@pytest.mark.parametrize("through", ["mp3", "wav"])
def test_frames_without_a_name_elsewhere_are_told_and_the_first_comment_stays_the_first(
    tmp_path: Path, convert: Convert, through: str
) -> None:
    source = framed(tmp_path, *SAID, *LINKS, *NAMELESS)
    for path in (source, convert(source, through).path):
        made = convert(path, "flac")
        assert sorted(made.report.not_carried) == TOLD
        song = FLAC(made.path)
        assert song["comment"] == SAID[1].text
        assert song["lyrics"] == [SAID[3].text]


@pytest.mark.parametrize("to", ["flac", "opus", "m4a", "wma"])
def test_links_have_names_in_other_formats(tmp_path: Path, convert: Convert, to: str) -> None:
    source = framed(tmp_path, *LINKS)
    made = convert(source, to)
    assert made.report.not_carried == ()
    if to == "flac":
        song = FLAC(made.path)
        assert song["website"] == [each.url for each in LINKS[:2]]
        assert (song["license"], song["www"]) == ([LINKS[2].url], [LINKS[3].url])
    assert seen(convert(made.path, "mp3").path) == sorted(map(as_in_a_file, LINKS))


def test_what_is_no_link_stays_a_text(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(0.3))
    song = FLAC(source)
    song["license"], song["website"] = "do what you like", ["https://example.org", "https://example.org"]
    song.save()
    frames = frames_of(convert(source, "mp3").path)
    assert frames["TXXX:license"].text == ["do what you like"]
    assert [each.url for each in frames.getall("WOAR")] == ["https://example.org"]


def test_what_is_asked_for_replaces_all_of_its_kind(tmp_path: Path, convert: Convert) -> None:
    source = framed(tmp_path, *SAID, *NAMELESS)
    made = convert(source, "mp3", tags={"comment": "another", "lyrics": ""})
    frames = frames_of(made.path)
    assert [each.text for each in frames.getall("COMM") if not each.desc] == [["another"]]
    assert frames.getall("USLT") == []
    assert made.report.not_carried == ()
    assert seen(convert(source, "mp3", strip_tags=True).path) == []


def test_times_and_loudness_of_another_sound_are_told(tmp_path: Path, convert: Convert) -> None:
    source = framed(tmp_path, *SAID, *NAMELESS)
    cut = convert(source, "mp3", trim_start=0.1)
    names = ("SYLT", "PRIV (TRAKTOR4)", "GEOB", "ETCO")
    assert sorted(cut.report.not_carried) == sorted(f"tag: {each} (the sound has other times now)" for each in names)
    assert {each.FrameID for each in frames_of(cut.path).values()} & {"SYLT", "GEOB", "ETCO"} == set()
    louder = convert(source, "mp3", gain=1.0)
    reason = "(the sound has another loudness now)"
    assert sorted(louder.report.not_carried) == [f"tag: RVA2 {reason}", f"tag: itunnorm {reason}"]
    assert not {"RVA2:a disco", "COMM:iTunNORM:eng", "TXXX:itunnorm"} & frames_of(louder.path).keys()


def test_pieces_say_what_the_whole_says_but_its_times(tmp_path: Path, convert: Convert) -> None:
    chapters = [
        CHAP(f"c{at}", at, at + 100, 0, 0, sub_frames=[TIT2(encoding=3, text=[str(at)])]) for at in (0, 100, 200)
    ]
    told = convert(framed(tmp_path, *NAMELESS, *chapters), "mp3", split="chapters").report.not_carried
    names = ("SYLT", "PRIV (TRAKTOR4)", "GEOB", "ETCO")
    assert sorted(told) == sorted(f"tag: {each} (the sound is divided)" for each in names)


def test_a_frame_that_nobody_knows_is_carried(tmp_path: Path, convert: Convert) -> None:
    data = b"x" * 200
    content = b"NCON" + len(data).to_bytes(4) + bytes(2) + data
    source = without_frames(tmp_path)
    source.write_bytes(b"ID3\x03\0\0" + size_of(len(content)) + content + source.read_bytes())
    assert convert(source, "flac").report.not_carried == ("tag: NCON",)
    made = convert(source, "mp3")
    assert made.report.not_carried == ()
    assert ID3(made.path).unknown_frames == [b"NCON" + size_of(len(data)) + bytes(2) + data]
    assert Frames.get("NCON") is None


def test_what_is_too_large_is_told(tmp_path: Path, convert: Convert) -> None:
    source = framed(tmp_path, GEOB(encoding=0, mime="", filename="", desc="", data=bytes(5 << 20)), NAMELESS[4])
    made = convert(source, "mp3")
    assert made.report.not_carried == ("tag: GEOB",)
    assert seen(made.path) == [as_in_a_file(NAMELESS[4])]


def test_atoms_go_into_mp4_as_they_stand(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.m4a", "-c:a", "aac", samples=music(0.3))
    song = MP4(source)
    song["\xa9nam"], song["sdes"], song["catg"], song["cnID"], song["rate"] = ["a"], ["told"], ["Art"], [13], ["80"]
    free = "----:com.apple.iTunes:"
    song["----:com.serato.dj:markersv2"] = [MP4FreeForm(b"YWJj")]
    song[free + "number"] = [MP4FreeForm(b"\0\xff\1", AtomDataType.IMPLICIT)]
    song[free + "CATALOGNUMBER"] = [MP4FreeForm(b"AB 1")]
    song[free + "MusicBrainz Album Id"] = [MP4FreeForm(b"5b11f4ce")]
    song.save()

    def atoms_of(path: Path) -> dict[str, object]:
        return {name: value for name, value in MP4(path).items() if name != "\xa9too"}

    for to in ("m4a", "alac"):
        made = convert(source, to)
        assert made.report.not_carried == ()
        assert atoms_of(made.path) == atoms_of(source)
    told = {"tag: series description (sdes)", "tag: cnID", "tag: rate", "tag: number"}
    assert set(convert(source, "flac").report.not_carried) == told
    cut = convert(source, "m4a", trim_end=0.2)
    assert cut.report.not_carried == ()
    assert "----:com.serato.dj:markersv2" not in atoms_of(convert(source, "m4a", trim_start=0.1).path)


def test_attributes_go_into_windows_media_as_they_stand(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.wma", "-c:a", "wmav2", samples=music(0.3))
    song = ASF(source)
    song["Title"], song["WM/Provider"], song["Rating"], song["Foo Bar"] = "a", "AMG", "PG", ["x", "y"]
    song["WM/SharedUserRating"], song["WM/MCDI"] = ASFDWordAttribute(75), ASFByteArrayAttribute(b"a table")
    song["WM/WMContentID"], song["Is_Live"] = ASFGUIDAttribute(bytes(range(16))), ASFBoolAttribute(True)
    song.save()

    def attributes_of(path: Path) -> dict[str, list[object]]:
        return {name: values for name, values in ASF(path).tags.as_dict().items() if name != "WM/EncodingSettings"}

    made = convert(source, "wma", bit_rate=64_000)
    assert made.report.not_carried == ()
    assert attributes_of(made.path) == attributes_of(source)
    assert set(convert(source, "flac").report.not_carried) == {"tag: Rating", "tag: WM/MCDI", "tag: WM/WMContentID"}


def test_names_of_free_texts_keep_their_capital_letters(tmp_path: Path, convert: Convert) -> None:
    frames = (TXXX(encoding=3, desc="CATALOGNUMBER", text=["AB 1"]), TXXX(encoding=3, desc="Who", text=["Ann", "Bob"]))
    source = framed(tmp_path, *frames)
    made = convert(source, "mp3")
    assert made.report.not_carried == ()
    assert seen(made.path) == seen(source)
    assert FLAC(convert(source, "flac").path)["who"] == ["Ann", "Bob"]
    assert frames_of(convert(source, "mp3", tags={"who": "Cleo"}).path)["TXXX:who"].text == ["Cleo"]
    assert "TXXX:Who" not in frames_of(convert(source, "mp3", tags={"who": "Cleo"}).path)
