"""What files say about themselves, carried from format to format: judged by mutagen."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import mutagen
import pytest
from mutagen.aiff import AIFF
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.flac import Picture as FlacPicture
from mutagen.id3 import APIC, CHAP, COMM, CTOC, ID3, TALB, TCOM, TCON, TDRC, TIT2, TPE1, TRCK, USLT, WXXX, CTOCFlags
from mutagen.mp4 import MP4, MP4Cover
from mutagen.wave import WAVE

from tests.engine.conftest import Convert
from tests.engine.test_options import shown_chapters
from tests.sounds import encoded, ffmpeg, jpeg, music

SAID = {
    "title": "Ωμέγα 日本語 🎵",
    "artist": "Ann;Bob",
    "album": "An Album",
    "track": "3",
    "date": "2021",
    "genre": "Jazz",
    "comment": "a comment, with “quotes”",
    "composer": "Gödel",
    "lyrics": "la la\nlu",
}
VORBIS = {"track": "tracknumber"}
ATOMS = {
    "title": "\xa9nam", "artist": "\xa9ART", "album": "\xa9alb", "date": "\xa9day", "genre": "\xa9gen",
    "comment": "\xa9cmt", "composer": "\xa9wrt", "lyrics": "\xa9lyr",
}  # fmt: skip
WM = {
    "title": "Title", "artist": "Author", "album": "WM/AlbumTitle", "track": "WM/TrackNumber", "date": "WM/Year",
    "genre": "WM/Genre", "comment": "Description", "composer": "WM/Composer", "lyrics": "WM/Lyrics",
}  # fmt: skip
FRAMES = {
    "title": "TIT2", "artist": "TPE1", "album": "TALB", "track": "TRCK", "date": "TDRC", "genre": "TCON",
    "comment": "COMM", "composer": "TCOM", "lyrics": "USLT",
}  # fmt: skip


@cache
def png() -> bytes:
    return ffmpeg("-f", "lavfi", "-i", "color=blue:s=16x16", "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-")


def tag_mp3(path: Path, cover: bytes, mime: str) -> None:
    tags = ID3()
    for kind, name in (
        (TIT2, "title"),
        (TALB, "album"),
        (TRCK, "track"),
        (TDRC, "date"),
        (TCON, "genre"),
        (TCOM, "composer"),
    ):
        tags.add(kind(encoding=3, text=[SAID[name]]))
    tags.add(TPE1(encoding=3, text=SAID["artist"].split(";")))
    tags.add(COMM(encoding=3, lang="eng", desc="", text=[SAID["comment"]]))
    tags.add(USLT(encoding=3, lang="eng", desc="", text=SAID["lyrics"]))
    tags.add(APIC(encoding=3, mime=mime, type=3, desc="", data=cover))
    tags.save(path)


def tag_flac(path: Path, cover: bytes, mime: str) -> None:
    song = FLAC(path)
    for name, value in SAID.items():
        song[VORBIS.get(name, name)] = value.split(";") if name == "artist" else value
    picture = FlacPicture()
    picture.type, picture.mime, picture.data = 3, mime, cover
    song.add_picture(picture)
    song.save()


def tag_m4a(path: Path, cover: bytes, mime: str) -> None:
    song = MP4(path)
    for name, atom in ATOMS.items():
        song[atom] = SAID[name]
    song["trkn"] = [(3, 0)]
    song["covr"] = [MP4Cover(cover, MP4Cover.FORMAT_PNG if "png" in mime else MP4Cover.FORMAT_JPEG)]
    song.save()


TAGGERS = {"mp3": tag_mp3, "flac": tag_flac, "m4a": tag_m4a}


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """A file of this kind that says all of it, with a cover of that kind."""

    @cache
    def make(extension: str, mime: str) -> Path:
        made = encoded(tmp_path_factory.mktemp("tagged"), f"a.{extension}", samples=music(0.3))
        TAGGERS[extension](made, png() if "png" in mime else jpeg(), mime)
        return made

    return make


def text_of(value: Any) -> str:
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)


def found_in(path: Path) -> dict[str, str]:
    """What mutagen finds in the places where players look."""
    if path.suffix in (".mp3", ".aac", ".wav"):
        frames = WAVE(path).tags if path.suffix == ".wav" else ID3(path)
        return {
            name: str(each[0]).replace("\0", ";") for name, frame in FRAMES.items() if (each := frames.getall(frame))
        }
    song = mutagen.File(path)
    names = {".m4a": ATOMS, ".wma": WM}.get(path.suffix, {name: VORBIS.get(name, name) for name in SAID})
    found = {name: text_of(song[key]) for name, key in names.items() if key in song}
    if path.suffix == ".m4a" and "trkn" in song:
        found["track"] = str(song["trkn"][0][0])
    return found


def covers_in(path: Path) -> list[bytes]:
    if path.suffix in (".mp3", ".aac"):
        return [each.data for each in ID3(path).getall("APIC")]
    song = mutagen.File(path)
    if path.suffix == ".flac":
        return [each.data for each in song.pictures]
    if path.suffix in (".aiff", ".wav"):
        return [each.data for each in song.tags.getall("APIC")]
    if path.suffix == ".m4a":
        return [bytes(each) for each in song.get("covr", [])]
    if isinstance(song, ASF):
        blocks = [bytes(each.value) for each in song.get("WM/Picture", [])]
        return [each[-int.from_bytes(each[1:5], "little") :] for each in blocks]
    return [FlacPicture(b64decode(each)).data for each in song.get("metadata_block_picture", [])]


@pytest.mark.parametrize("to", ["mp3", "flac", "ogg", "opus", "m4a", "wma", "aac", "wav"])
@pytest.mark.parametrize("source", TAGGERS)
def test_tags_are_carried_or_said_to_be_lost(
    tagged: Callable[[str, str], Path], convert: Convert, source: str, to: str
) -> None:
    made = convert(tagged(source, "image/jpeg"), to)
    found = found_in(made.path)
    lost = {name for name, value in SAID.items() if found.get(name) != value}
    assert lost == {each.removeprefix("tag: ") for each in made.report.not_carried if each.startswith("tag: ")}
    assert lost == set()


@pytest.mark.parametrize("to", ["mp3", "flac", "ogg", "opus", "m4a", "wma", "aiff", "aac", "wav", "webm"])
@pytest.mark.parametrize("mime", ["image/jpeg", "image/png"])
@pytest.mark.parametrize("source", ["mp3", pytest.param("m4a", marks=pytest.mark.slow)])
def test_covers_are_carried_or_said_to_be_lost(
    tagged: Callable[[str, str], Path], convert: Convert, source: str, mime: str, to: str
) -> None:
    made = convert(tagged(source, mime), to)
    if to == "webm":
        assert "cover" in made.report.not_carried
        return
    assert covers_in(made.path) == [png() if "png" in mime else jpeg()]
    assert "cover" not in made.report.not_carried


@pytest.mark.parametrize("extension", ["ogg", "opus", "wma", "wav"])
@pytest.mark.parametrize(
    "to", ["mp3", "m4a", *(pytest.param(each, marks=pytest.mark.slow) for each in ("flac", "ogg", "wma"))]
)
def test_tags_survive_a_second_conversion(
    tagged: Callable[[str, str], Path], convert: Convert, extension: str, to: str
) -> None:
    first = convert(tagged("flac", "image/jpeg"), extension)
    second = convert(first.path, to)
    found = found_in(second.path)
    lost = {name for name, value in SAID.items() if found.get(name) != value}
    assert lost == {each.removeprefix("tag: ") for each in second.report.not_carried if each.startswith("tag: ")}
    assert lost == set()
    assert covers_in(second.path) == [jpeg()]


@pytest.mark.parametrize("to", ["wma", *(pytest.param(each, marks=pytest.mark.slow) for each in ("mp3", "m4a", "ogg"))])
def test_texts_of_any_length_are_carried(tmp_path: Path, convert: Convert, to: str) -> None:
    """FFmpeg's muxer of ASF writes the length of a text with 16 bits."""
    source = encoded(tmp_path, "a.flac", samples=music(0.5))
    song = mutagen.File(source)
    song["lyrics"], song["title"] = "Ω" * 40_000, "Title"
    song.save()
    made = convert(source, to)
    assert made.report.not_carried == ()
    back = mutagen.File(convert(made.path, "flac").path)
    assert (back["lyrics"], back["title"]) == (["Ω" * 40_000], ["Title"])


@pytest.mark.parametrize("to", ["mp3", "m4a", "mka", "ogg", "opus", "flac", "wma", "wav", "aac"])
def test_chapters_are_carried_or_said_to_be_lost(tmp_path: Path, convert: Convert, to: str) -> None:
    listed = tmp_path / "chapters.txt"
    chapters = "".join(
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={n * 400}\nEND={n * 400 + 400}\ntitle=Part Ω{n}\n" for n in range(3)
    )
    listed.write_text(f";FFMETADATA1\n{chapters}")
    plain = encoded(tmp_path, "plain.m4a", samples=music(1.2))
    source = tmp_path / "a.m4a"
    ffmpeg("-i", plain, "-i", listed, "-map_metadata", "1", "-c", "copy", source)
    made = convert(source, to)
    found = shown_chapters(made.path)
    wanted = [(0.0, "Part Ω0"), (0.4, "Part Ω1"), (0.8, "Part Ω2")]
    assert ("chapters" in made.report.not_carried) == (found != wanted), found


@pytest.mark.parametrize("to", ["wav", "mp3", "aac"])
def test_there_may_be_more_chapters_than_a_table_of_contents_holds(tmp_path: Path, convert: Convert, to: str) -> None:
    source = encoded(tmp_path, "many.flac", samples=music(0.3))
    song = FLAC(source)
    for number in range(256):
        song[f"CHAPTER{number:03}"] = f"00:00:00.{number:03}"
    song.save()
    made = convert(source, to)
    frames = WAVE(made.path).tags if to == "wav" else ID3(made.path)
    assert [each.start_time for each in frames.getall("CHAP")] == list(range(256))
    assert frames.getall("CTOC") == []
    assert made.report.not_carried == ()


@pytest.mark.parametrize("to", ["opus", "ogg", "flac"])
def test_comments_number_no_more_than_999_chapters(tmp_path: Path, convert: Convert, to: str) -> None:
    marks = "".join(f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={at}\nEND={at + 1}\ntitle=x\n" for at in range(1001))
    (tmp_path / "marks").write_text(f";FFMETADATA1\n{marks}")
    source = encoded(
        tmp_path, "a.mka", "-i", tmp_path / "marks", "-map_metadata", "1", "-c:a", "flac", samples=music(1.1)
    )
    made = convert(source, to)
    assert made.report.source.chapter_count == 1001
    assert made.report.not_carried == ("chapters",)
    assert b"CHAPTER" not in made.path.read_bytes()


def test_a_chapter_beyond_what_id3_can_say_is_said_to_be_lost(tmp_path: Path, convert: Convert) -> None:
    listed = tmp_path / "chapters.txt"
    listed.write_text(
        ";FFMETADATA1\n"
        + "".join(f"[CHAPTER]\nTIMEBASE=1/1\nSTART={second}\nEND={second + 1}\n" for second in (0, 5_000_000))
    )
    plain = encoded(tmp_path, "plain.mka", "-c:a", "flac", samples=music(1.2))
    source = tmp_path / "a.mka"
    ffmpeg("-i", plain, "-i", listed, "-map_chapters", "1", "-c", "copy", source)
    made = convert(source, "wav")
    assert [(each.start_time, each.end_time) for each in WAVE(made.path).tags.getall("CHAP")] == [(0, 1000)]
    assert made.report.not_carried == ("chapters",)


@pytest.mark.parametrize("date", ["May 2021", "1990/1991", "01.05.2021", "2021-05-01T10:00:00Z"])
@pytest.mark.parametrize("to", ["mp3", "wav", "aac", "aiff"])
def test_a_date_stays_as_it_was_written(tmp_path: Path, convert: Convert, to: str, date: str) -> None:
    source = encoded(tmp_path, "a.flac", "-metadata", f"date={date}", "-metadata", "lyrics=la", samples=music(0.2))
    made = convert(source, to)
    tags = {"wav": WAVE, "aiff": AIFF}[to](made.path).tags if to in ("wav", "aiff") else ID3(made.path)
    assert f"\x03{date}".encode() in made.path.read_bytes()
    assert "TDRC" in tags or date == "May 2021"  # which is no time for mutagen
    assert made.report.result.tags["date"] == date
    assert made.report.not_carried == ()


@pytest.mark.parametrize("genre", ["80s", "2-Step"])
def test_a_genre_that_begins_with_a_number_is_not_the_one_with_that_number(
    tmp_path: Path, convert: Convert, genre: str
) -> None:
    source = encoded(tmp_path, "a.mp3", "-metadata", f"genre={genre}", samples=music(0.2))
    assert FLAC(convert(source, "flac").path)["genre"] == [genre]
    made = convert(source, "wav", tags={"mood": "blue"})
    assert str(WAVE(made.path).tags["TCON"]) == genre
    assert made.report.not_carried == ()


@pytest.mark.parametrize("name", ["copyright", "performer", "grouping"])
def test_several_values_of_what_few_have_several_of_are_carried(tmp_path: Path, convert: Convert, name: str) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(0.3))
    song = FLAC(source)
    song[name] = ["one", "another"]
    song.save()
    for to in ("wav", "mp3"):
        assert convert(source, to).report.not_carried == ()
    assert FLAC(convert(tmp_path / "job 1" / "result.wav", "flac").path)[name] == ["one", "another"]


def test_tags_of_several_values_keep_their_order(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(0.3))
    song, names = FLAC(source), ["genre", "mood", "composer", "performer", "copyright", "artist", "grouping", "comment"]
    for name in names:
        song[name] = ["one", "another"]
    song.save()
    made = [name.lower() for name, _ in FLAC(convert(source, "flac", gain=-1.0).path).tags]
    assert [name for name in dict.fromkeys(made) if name in names] == names


def test_a_file_that_tells_its_tempo_only_is_read(tmp_path: Path, convert: Convert) -> None:
    """FFmpeg overlooks it in MP4."""
    source = encoded(tmp_path, "a.flac", "-metadata", "bpm=120", samples=music(0.3))
    made = convert(source, "m4a")
    assert made.report.not_carried == ()
    assert FLAC(convert(made.path, "flac").path)["bpm"] == ["120"]


@pytest.mark.parametrize("to", ["wav", "mp3", "aac", "aiff"])
def test_chapters_stand_in_the_order_of_time_whatever_their_names(tmp_path: Path, convert: Convert, to: str) -> None:
    source = encoded(tmp_path, "a.flac", "-metadata", "comment=there", samples=music(1.2))
    song = FLAC(source)
    wanted = [(0.0, "A long name"), (0.4, "B"), (0.8, "Longer")]
    for number, (begin, title) in enumerate(wanted):
        song[f"CHAPTER{number:03}"], song[f"CHAPTER{number:03}NAME"] = f"00:00:{begin:06.3f}", title
    song.save()
    assert shown_chapters(convert(source, to).path) == wanted


@pytest.mark.parametrize("to", ["wav", "mp3", "aac"])
def test_chapters_with_long_names_are_carried_there_and_back(tmp_path: Path, convert: Convert, to: str) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(1.0))
    song = FLAC(source)
    names = ["A", "Глава " * 40, "B"]
    for number, title in enumerate(names):
        song[f"CHAPTER{number:03}"], song[f"CHAPTER{number:03}NAME"] = f"00:00:00.{number * 300:03}", title.strip()
    song.save()
    there = convert(source, to)
    back = convert(there.path, "flac")
    assert (there.report.not_carried, back.report.not_carried) == ((), ())
    assert [FLAC(back.path)[f"CHAPTER{number:03}NAME"] for number in (1, 2, 3)] == [[each.strip()] for each in names]


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("to", ["mp3", "m4a", "flac"])
def test_chapters_of_podcasts_with_pictures_and_links_are_carried(
    tmp_path: Path, convert: Convert, to: str, version: int
) -> None:
    source = encoded(tmp_path, "a.mp3", "-id3v2_version", "0", samples=music(1.0))
    tags = ID3()
    for number, name in enumerate(("News", "Weather")):
        inside = [
            TIT2(encoding=3, text=[name]),
            APIC(encoding=0, mime="image/jpeg", type=0, desc="", data=jpeg(32)),
            WXXX(encoding=0, desc="chapter url", url="https://example.org"),
        ]
        tags.add(CHAP(f"chp{number}", number * 400, number * 400 + 400, 0xFFFFFFFF, 0xFFFFFFFF, inside))
    tags.add(CTOC("toc", CTOCFlags.TOP_LEVEL | CTOCFlags.ORDERED, ["chp0", "chp1"], []))
    tags.save(source, v2_version=version)
    made = convert(source, to)
    assert {*made.report.not_carried} == {"pictures of chapters", "links of chapters"}
    assert shown_chapters(made.path) == [(0.0, "News"), (0.4, "Weather")]


@pytest.mark.parametrize("to", ["m4a", "mp3", "ogg", "wma"])
@pytest.mark.parametrize(("number", "total"), [("03", "12"), ("03/12", ""), ("07", ""), ("3", "09")])
def test_zeros_before_a_number_are_no_loss(tmp_path: Path, convert: Convert, number: str, total: str, to: str) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(0.3))
    song = FLAC(source)
    song["tracknumber"] = number
    if total:
        song["tracktotal"] = total
    song.save()
    made = convert(source, to)
    assert made.report.not_carried == ()
    assert made.report.result.tags["track"].partition("/")[0].lstrip("0") == number.partition("/")[0].lstrip("0")
