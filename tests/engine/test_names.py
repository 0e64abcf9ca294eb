"""Tags stand where taggers and players look for them in each format: as Picard, Mp3tag and iTunes write them, judged by mutagen."""

from __future__ import annotations

from pathlib import Path

import mutagen
import pytest
from mutagen.apev2 import APEv2
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.id3 import (
    GRP1,
    ID3,
    MVIN,
    MVNM,
    TDOR,
    TDRC,
    TDRL,
    TIPL,
    TIT2,
    TKEY,
    TMED,
    TMOO,
    TPE3,
    TPOS,
    TRCK,
    TXXX,
    UFID,
    Frame,
)
from mutagen.mp4 import MP4, MP4FreeForm

from tests.engine.conftest import Convert
from tests.sounds import encoded, music

# By their names in Vorbis comments: frames of ID3v2.4, and attributes of Windows Media (picard-docs.musicbrainz.org, appendix B; docs.mp3tag.de).
FRAMES = {
    "conductor": "TPE3", "remixer": "TPE4", "subtitle": "TIT3", "discsubtitle": "TSST", "initialkey": "TKEY",
    "language": "TLAN", "media": "TMED", "mood": "TMOO", "originaldate": "TDOR", "originalartist": "TOPE",
    "movementname": "MVNM", "performer": "TXXX:performer", "releasestatus": "TXXX:MusicBrainz Album Status",
    "acoustid_fingerprint": "TXXX:Acoustid Fingerprint",
}  # fmt: skip
ATTRIBUTES = {
    "conductor": "WM/Conductor", "remixer": "WM/ModifiedBy", "lyricist": "WM/Writer", "subtitle": "WM/SubTitle",
    "discsubtitle": "WM/SetSubTitle", "initialkey": "WM/InitialKey", "language": "WM/Language", "mood": "WM/Mood",
    "bpm": "WM/BeatsPerMinute", "isrc": "WM/ISRC", "barcode": "WM/Barcode", "compilation": "WM/IsCompilation",
    "titlesort": "WM/TitleSortOrder", "artistsort": "WM/ArtistSortOrder", "grouping": "WM/ContentGroupDescription",
    "originaldate": "WM/OriginalReleaseTime", "musicbrainz_albumid": "MusicBrainz/Album Id",
    "releasestatus": "MusicBrainz/Album Status",
}  # fmt: skip


def commented(directory: Path, **comments: str) -> Path:
    source = encoded(directory, "a.flac", samples=music(0.3))
    song = FLAC(source)
    song.update(comments)
    song.save()
    return source


def framed(directory: Path, *frames: Frame) -> Path:
    source = encoded(directory, "a.mp3", "-id3v2_version", "0", samples=music(0.3))
    tags = ID3()
    for each in frames:
        tags.add(each)
    tags.save(source)
    return source


def comments_of(path: Path) -> dict[str, str]:
    return {name: ";".join(texts) for name, texts in FLAC(path).tags.as_dict().items() if name != "encoder"}


@pytest.mark.parametrize("to", ["mp3", "aiff", "wav", "aac"])
def test_id3_has_the_frames_that_are_made_for_it(tmp_path: Path, convert: Convert, to: str) -> None:
    said = {name: "1999-01-02" if name == "originaldate" else f"a {name}" for name in FRAMES}
    made = convert(commented(tmp_path, **said), to)
    assert made.report.not_carried == ()
    tags = ID3(made.path) if to == "aac" else mutagen.File(made.path).tags
    assert {name: str(tags[frame]) for name, frame in FRAMES.items()} == said
    assert comments_of(convert(made.path, "flac").path) == said


def test_windows_media_has_the_attributes_that_are_made_for_it(tmp_path: Path, convert: Convert) -> None:
    said = {name: f"a {name}" for name in ATTRIBUTES}
    made = convert(commented(tmp_path, **said), "wma")
    assert made.report.not_carried == ()
    assert {name: [str(each) for each in ASF(made.path)[key]] for name, key in ATTRIBUTES.items()} == {
        name: [text] for name, text in said.items()
    }
    assert comments_of(convert(made.path, "flac").path) == said


@pytest.mark.parametrize("to", ["flac", "m4a", "mp3", "wma"])
def test_the_date_of_a_release_does_not_hide_that_of_the_recording(tmp_path: Path, convert: Convert, to: str) -> None:
    dates = (TDRC(encoding=3, text="2004-05-06"), TDRL(encoding=3, text="2014-07-08"), TDOR(encoding=3, text="1999"))
    made = convert(framed(tmp_path, *dates), to)
    assert made.report.not_carried == ()
    there = {"date": "2004-05-06", "releasedate": "2014-07-08", "originaldate": "1999"}
    assert comments_of(convert(made.path, "flac").path) == there
    if to == "mp3":
        assert [str(ID3(made.path)[name]) for name in ("TDRC", "TDRL", "TDOR")] == [*there.values()]


def test_a_conductor_is_no_performer(tmp_path: Path, convert: Convert) -> None:
    source = framed(tmp_path, TPE3(encoding=3, text="Cond"), TXXX(encoding=3, desc="PERFORMER", text=["Ann", "Bob"]))
    assert comments_of(convert(source, "flac").path) == {"conductor": "Cond", "performer": "Ann;Bob"}
    alone = framed(tmp_path, TPE3(encoding=3, text="Cond"))
    assert comments_of(convert(alone, "flac").path) == {"conductor": "Cond"}


@pytest.mark.parametrize("to", ["mp3", "aiff", "wav"])
def test_people_and_identifiers_stay_the_frames_that_they_were(tmp_path: Path, convert: Convert, to: str) -> None:
    people = [["producer", "Ann: the first"], ["mix", "Bob"]]
    source = framed(
        tmp_path, TIPL(encoding=3, people=people), UFID(owner="http://musicbrainz.org", data=b"0c3ff2a6"),
        TKEY(encoding=3, text="Am"), TMED(encoding=3, text="CD"), TMOO(encoding=3, text="calm"),
    )  # fmt: skip
    made = convert(source, to)
    assert made.report.not_carried == ()
    tags = mutagen.File(made.path).tags
    assert [[*each] for each in tags["TIPL"].people] == people
    assert tags["UFID:http://musicbrainz.org"].data == b"0c3ff2a6"
    assert not tags.getall("TXXX")


@pytest.mark.parametrize("to", ["mp3", "m4a", "flac"])
def test_movements_and_groups_of_itunes_are_carried(tmp_path: Path, convert: Convert, to: str) -> None:
    source = framed(
        tmp_path, MVNM(encoding=3, text="Gigue"), MVIN(encoding=3, text="2/4"), GRP1(encoding=3, text="Suites")
    )
    made = convert(source, to)
    assert made.report.not_carried == ()
    if to == "m4a":
        assert [MP4(made.path)[atom] for atom in ("\xa9mvn", "\xa9mvi", "\xa9mvc")] == [["Gigue"], [2], [4]]
    if to == "mp3":
        assert [str(ID3(made.path)[frame]) for frame in ("MVNM", "MVIN")] == ["Gigue", "2/4"]
    there = {"movementname": "Gigue", "movement": "2", "movementtotal": "4", "grouping": "Suites"}
    assert comments_of(convert(made.path, "flac").path) == there


@pytest.mark.parametrize("options", [{}, {"bit_rate": 96_000}], ids=["copied", "encoded anew"])
def test_an_audiobook_keeps_its_atoms_and_has_none_twice(
    tmp_path: Path, convert: Convert, options: dict[str, int]
) -> None:
    source = encoded(tmp_path, "a.m4a", samples=music(0.3))
    song = MP4(source)
    atoms = {
        "\xa9nam": ["One"], "\xa9nrt": ["Ann Reader", "Bob"], "\xa9pub": ["A House"], "stik": [2], "rtng": [4], "shwm": [1],
        "egid": ["guid"], "\xa9wrk": ["Work", "Whole"], "purl": ["http://example.org"], "pcst": True, "tvsh": ["A Show"], "tvsn": [3], "tves": [7],
    }  # fmt: skip
    song.update(atoms)
    song["----:com.apple.iTunes:DISCSUBTITLE"] = [MP4FreeForm(b"Part one")]
    song.save()
    made = convert(source, "m4a", **options)
    assert made.report.not_carried == ()
    found = dict(MP4(made.path))
    assert [each for each in found if each.startswith("----")] == ["----:com.apple.iTunes:DISCSUBTITLE"]
    assert {name: found[name] for name in atoms} == atoms


def test_an_advisory_of_itunes_is_no_rating(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.m4a", samples=music(0.3))
    song = MP4(source)
    song["rtng"] = [1]
    song.save()
    assert comments_of(convert(source, "flac").path) == {"itunesadvisory": "1"}


def test_lyrics_by_mp3tags_name_are_lyrics(tmp_path: Path, convert: Convert) -> None:
    made = convert(commented(tmp_path, unsyncedlyrics="la la"), "mp3")
    assert made.report.not_carried == ()
    assert [each.text for each in ID3(made.path).getall("USLT")] == ["la la"]
    both = convert(commented(tmp_path, unsyncedlyrics="la la", lyrics="[00:01]la"), "flac")
    assert comments_of(both.path) == {"unsyncedlyrics": "la la", "lyrics": "[00:01]la"}


@pytest.mark.parametrize("to", ["mp3", "m4a", "ogg", "opus", "wma", "mka", "wav"])
def test_the_language_of_a_song_is_carried(tmp_path: Path, convert: Convert, to: str) -> None:
    made = convert(commented(tmp_path, language="deu"), to)
    assert made.report.not_carried == ()
    assert comments_of(convert(made.path, "flac").path) == {"language": "deu"}


SHORT_FRAMES = {
    "TT2": "title", "TP1": "artist", "TP2": "albumartist", "TP3": "conductor", "TP4": "remixer", "TCM": "composer",
    "TXT": "lyricist", "TPB": "publisher", "TCR": "copyright", "TT1": "grouping", "TT3": "subtitle", "TKE": "initialkey",
    "TBP": "bpm", "TRC": "isrc", "TLA": "language", "TMT": "media", "TOA": "originalartist", "TOT": "originalalbum",
    "TS2": "albumartistsort", "TSA": "albumsort", "TSC": "composersort", "TSP": "artistsort", "TST": "titlesort",
}  # fmt: skip


def test_frames_of_id3v2_2_are_read(tmp_path: Path, convert: Convert) -> None:
    """iTunes wrote them; mutagen doesn't."""
    source = encoded(tmp_path, "a.mp3", "-id3v2_version", "0", samples=music(0.3))
    texts = [(frame, f"a {name}") for frame, name in SHORT_FRAMES.items()]
    texts += [("TPA", "1/2"), ("TOR", "1999"), ("TSS", "iTunes 7"), ("TLE", "300")]
    frames = b"".join(
        frame.encode() + (len(text) + 1).to_bytes(3, "big") + b"\0" + text.encode() for frame, text in texts
    )
    size = bytes([0, len(frames) >> 14, len(frames) >> 7 & 127, len(frames) & 127])
    source.write_bytes(b"ID3\2\0\0" + size + frames + source.read_bytes())
    made = convert(source, "flac")
    assert made.report.not_carried == ()
    said = {name: f"a {name}" for name in SHORT_FRAMES.values()}
    assert comments_of(made.path) == said | {"discnumber": "1", "disctotal": "2", "originaldate": "1999"}


@pytest.mark.parametrize("to", ["flac", "ogg", "opus"])
def test_a_number_in_comments_is_a_number(tmp_path: Path, convert: Convert, to: str) -> None:
    source = framed(
        tmp_path, TRCK(encoding=3, text="03/12"), TPOS(encoding=3, text="1/2"), TIT2(encoding=3, text="A/B")
    )
    made = convert(source, to)
    assert made.report.not_carried == ()
    tags = mutagen.File(made.path).tags
    found = [tags[name] for name in ("tracknumber", "tracktotal", "discnumber", "disctotal", "title")]
    assert found == [["03"], ["12"], ["1"], ["2"], ["A/B"]]
    again = ID3(convert(made.path, "mp3").path)
    assert (str(again["TRCK"]), str(again["TPOS"])) == ("03/12", "1/2")


@pytest.mark.parametrize("name", ["a.wv", "a.tta", "a.mp3"])
def test_each_value_in_apev2_is_carried_by_its_own_name(tmp_path: Path, convert: Convert, name: str) -> None:
    source = encoded(tmp_path, name, "-map_metadata", "-1", samples=music(0.3))
    tags = APEv2()
    tags["Title"], tags["Artist"], tags["Genre"], tags["Album Artist"] = "One", ["Ann", "Bob"], ["Rock", "Pop"], "All"
    tags["MixArtist"], tags["Original Artist"] = "Remy", "Olga"
    tags.save(source)
    made = convert(source, "flac")
    assert made.report.not_carried == ()
    assert comments_of(made.path) == {
        "title": "One", "artist": "Ann;Bob", "genre": "Rock;Pop", "albumartist": "All", "remixer": "Remy",
        "originalartist": "Olga",
    }  # fmt: skip


def test_matroskas_own_names_are_understood(tmp_path: Path, convert: Convert) -> None:
    said = {
        "TITLE": "One",
        "ALBUM/TITLE": "All",
        "ALBUM/ARTIST": "They",
        "DATE_RELEASED": "2004-05-06",
        "PART_NUMBER": "3",
    }
    said["TOTAL_PARTS"] = "12"
    metadata = [each for name, text in said.items() for each in ("-metadata", f"{name}={text}")]
    made = convert(encoded(tmp_path, "a.mka", *metadata, samples=music(0.3)), "flac")
    assert made.report.not_carried == ()
    assert comments_of(made.path) == {
        "title": "One", "album": "All", "albumartist": "They", "date": "2004-05-06", "tracknumber": "3",
        "tracktotal": "12",
    }  # fmt: skip
