"""Tags with several values, those that only some formats have a name for, judged by mutagen."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import mutagen
import pytest
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.flac import Picture as FlacPicture
from mutagen.id3 import APIC, ID3, TCON, TIT2, TMOO, TPE1, TSOP, TSRC, TXXX
from mutagen.mp4 import MP4, MP4FreeForm

from tests.engine.conftest import Convert
from tests.sounds import encoded, jpeg, music

FRONT, BACK = 3, 4
ARTISTS, GENRES, MOODS = ["Ann", "Bob; the first"], ["Jazz", "Röck"], ["calm", "blue"]
GAIN, ALBUM_ID = "-6.50 dB", "5b11f4ce-a62d-471e-81fc-a69a8278c7da"


def tag_flac(path: Path) -> None:
    song = FLAC(path)
    song["artist"], song["genre"], song["mood"] = ARTISTS, GENRES, MOODS
    song["isrc"], song["artistsort"], song["bpm"], song["compilation"] = "USRC17607839", "Ann", "120", "1"
    song["replaygain_track_gain"], song["musicbrainz_albumid"] = GAIN, ALBUM_ID
    song["tracknumber"], song["tracktotal"] = "3", "12"
    song["comment"], song["description"] = "a comment", "a description"
    for kind, size in ((BACK, 32), (FRONT, 16)):
        picture = FlacPicture()
        picture.type, picture.mime, picture.data = kind, "image/jpeg", jpeg(size)
        song.add_picture(picture)
    song.save()


def tag_mp3(path: Path) -> None:
    tags = ID3()
    tags.add(TPE1(encoding=2, text=ARTISTS))
    tags.add(TCON(encoding=1, text=GENRES))
    tags.add(TSRC(encoding=0, text=["USRC17607839"]))
    tags.add(TSOP(encoding=3, text=["Ann"]))
    tags.add(TMOO(encoding=3, text=MOODS))
    tags.add(TXXX(encoding=3, desc="REPLAYGAIN_TRACK_GAIN", text=[GAIN]))
    tags.add(TXXX(encoding=3, desc="MusicBrainz Album Id", text=[ALBUM_ID]))
    for kind, size in ((BACK, 32), (FRONT, 16)):
        tags.add(APIC(encoding=3, mime="image/jpeg", type=kind, desc=str(kind), data=jpeg(size)))
    tags.save(path)


def tag_m4a(path: Path) -> None:
    song = MP4(path)
    song["\xa9ART"], song["\xa9gen"], song["soar"] = ARTISTS, GENRES, ["Ann"]
    free = "----:com.apple.iTunes:"
    song[free + "mood"] = [MP4FreeForm(each.encode()) for each in MOODS]
    song[free + "ISRC"] = [MP4FreeForm(b"USRC17607839")]
    song[free + "replaygain_track_gain"] = [MP4FreeForm(GAIN.encode())]
    song[free + "MusicBrainz Album Id"] = [MP4FreeForm(ALBUM_ID.encode())]
    song.save()


TAGGERS = {"flac": tag_flac, "mp3": tag_mp3, "m4a": tag_m4a}
COMMENTS = {"artist": "artist", "genre": "genre", "mood": "mood", "isrc": "isrc", "sort": "artistsort",
            "gain": "replaygain_track_gain", "album": "musicbrainz_albumid"}  # fmt: skip
NAMES = {
    ".mp3": {"artist": "TPE1", "genre": "TCON", "mood": "TMOO", "isrc": "TSRC", "sort": "TSOP",
             "gain": "TXXX:replaygain_track_gain", "album": "TXXX:MusicBrainz Album Id"},
    ".m4a": {"artist": "\xa9ART", "genre": "\xa9gen", "mood": "----:com.apple.iTunes:mood",
             "isrc": "----:com.apple.iTunes:isrc", "sort": "soar",
             "gain": "----:com.apple.iTunes:replaygain_track_gain",
             "album": "----:com.apple.iTunes:MusicBrainz Album Id"},
    ".wma": {"artist": "Author", "genre": "WM/Genre", "mood": "WM/Mood", "isrc": "WM/ISRC", "sort": "WM/ArtistSortOrder",
             "gain": "replaygain_track_gain", "album": "MusicBrainz/Album Id"},
}  # fmt: skip
WANTED = {"artist": ARTISTS, "genre": GENRES, "mood": MOODS, "isrc": ["USRC17607839"], "sort": ["Ann"],
          "gain": [GAIN], "album": [ALBUM_ID]}  # fmt: skip


def tags_of(path: Path) -> mutagen.Tags:
    return ID3(path) if path.suffix == ".aac" else mutagen.File(path).tags


def values_in(path: Path) -> dict[str, list[str]]:
    tags = tags_of(path)
    names = NAMES.get({".aac": ".mp3", ".aiff": ".mp3"}.get(path.suffix, path.suffix), COMMENTS)
    by_key = {key.casefold(): values for key, values in (tags.as_dict() if hasattr(tags, "as_dict") else tags).items()}
    found = {}
    for name, key in names.items():
        values = by_key[key.casefold()]
        values = getattr(values, "text", values)
        found[name] = [each.decode() if isinstance(each, bytes) else str(each) for each in values]
    return found


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    @cache
    def make(extension: str) -> Path:
        made = encoded(tmp_path_factory.mktemp("values"), f"a.{extension}", samples=music(0.3))
        TAGGERS[extension](made)
        return made

    return make


@pytest.mark.parametrize("to", ["mp3", "flac", "ogg", "opus", "m4a", "alac", "wma", "aac", "aiff"])
@pytest.mark.parametrize("source", TAGGERS)
def test_each_value_stays_one(tagged: Callable[[str], Path], convert: Convert, source: str, to: str) -> None:
    made = convert(tagged(source), to)
    assert values_in(made.path) == WANTED
    lost = [each for each in made.report.not_carried if each.startswith("tag:")]
    assert lost == (["tag: description"] if (source, to) == ("flac", "wma") else [])


@pytest.mark.parametrize("to", ["mp3", "flac"])
@pytest.mark.parametrize("through", ["ogg", "opus", "m4a", "wma"])
def test_values_survive_a_second_conversion(
    tagged: Callable[[str], Path], convert: Convert, through: str, to: str
) -> None:
    assert values_in(convert(convert(tagged("flac"), through).path, to).path) == WANTED


def test_numbers_and_comments_stand_where_players_look(tagged: Callable[[str], Path], convert: Convert) -> None:
    frames = ID3(convert(tagged("flac"), "mp3").path)
    assert (str(frames["TRCK"]), str(frames["TBPM"]), str(frames["TCMP"])) == ("3/12", "120", "1")
    assert not [each for each in frames if each in ("TXXX:TCMP", "TXXX:USLT", "TXXX:tracktotal", "TXXX:bpm")]
    atoms = MP4(convert(tagged("flac"), "m4a").path)
    assert (atoms["trkn"], atoms["tmpo"], atoms["cpil"]) == ([(3, 12)], [120], True)
    for to in ("flac", "ogg", "opus"):
        song = mutagen.File(convert(tagged("flac"), to).path)
        assert (song["comment"], song["description"]) == (["a comment"], ["a description"])
        assert (song["tracknumber"], song["tracktotal"]) == (["3"], ["12"])
    assert [str(each) for each in ASF(convert(tagged("flac"), "wma").path)["Description"]] == ["a comment"]


def test_a_tag_that_is_set_has_the_one_value_that_was_given(tagged: Callable[[str], Path], convert: Convert) -> None:
    made = convert(tagged("flac"), "flac", tags={"artist": "Cleo"})
    assert FLAC(made.path)["artist"] == ["Cleo"]
    assert FLAC(made.path)["genre"] == GENRES


def test_a_measured_gain_is_not_carried_to_a_sound_of_another_loudness(
    tagged: Callable[[str], Path], convert: Convert
) -> None:
    made = convert(tagged("flac"), "flac", gain=-3)
    assert "replaygain_track_gain" not in FLAC(made.path)
    assert "tag: replaygain_track_gain (the sound has another loudness now)" in made.report.not_carried
    assert FLAC(convert(tagged("flac"), "flac", fade_in=0.1).path)["replaygain_track_gain"] == [GAIN]


@pytest.mark.parametrize("to", ["mp3", "flac", "ogg", "opus", "m4a", "wma", "aac", "aiff", "mka", "wav"])
@pytest.mark.parametrize("values", [["один"], ["один", "два"]], ids=["one value", "two values"])
def test_a_name_of_other_letters_is_carried_or_said_to_be_lost(
    tmp_path: Path, convert: Convert, values: list[str], to: str
) -> None:
    source = encoded(tmp_path, "a.mp3", samples=music(0.3))
    tags = ID3(source)
    tags.add(TXXX(encoding=3, desc="ключ", text=values))
    tags.add(TXXX(encoding=3, desc="", text=values))
    tags.save()
    made = convert(source, to)
    assert ("tag: ключ" in made.report.not_carried) == (made.report.result.tags.get("ключ") != ";".join(values))
    if to not in (
        "flac",
        "ogg",
        "opus",
        "wav",
    ):  # where names are ASCII (Vorbis I, section 5.2.2), or there are no free ones
        assert "tag: ключ" not in made.report.not_carried


@pytest.mark.parametrize("to", ["flac", "ogg", "opus"])
def test_a_name_that_comments_can_not_have_is_told_and_nothing_is_there_by_another(
    tmp_path: Path, convert: Convert, to: str
) -> None:
    source = encoded(tmp_path, "a.mp3", samples=music(0.3))
    tags = ID3(source)
    names = ["ключ", "größe", "a=b", "a~b"]
    for name in names:
        tags.add(TXXX(encoding=3, desc=name, text=["one"]))
        tags.add(TXXX(encoding=3, desc=f"{name} 2", text=["one", "two"]))
    tags.add(TXXX(encoding=3, desc="a}b", text=["three"]))
    tags.save()
    made = convert(source, to)
    assert set(made.report.not_carried) == {f"tag: {each}" for name in names for each in (name, f"{name} 2")}
    assert {key.lower(): values for key, values in mutagen.File(made.path).items() if key.lower() != "encoder"} == {
        "a}b": ["three"]
    }


def test_a_value_that_stands_there_twice_is_one(convert: Convert, tmp_path: Path) -> None:
    source = encoded(tmp_path, "song.wma", "-c:a", "wmav2")
    song = ASF(source)
    song["Author"] = ["Ann", "Ann"]  # so some ffmpegs write it
    song.save()
    assert FLAC(convert(source, "flac").path)["artist"] == ["Ann"]


def test_the_longer_title_before_an_aac_stream_counts_more_than_the_one_behind_it(
    convert: Convert, tmp_path: Path
) -> None:
    source = encoded(tmp_path, "song.aac", "-f", "adts", samples=music(0.3))
    tags = ID3()
    tags.add(TIT2(encoding=3, text=["A title that has more than thirty letters"]))
    tags.save(source, v1=2)
    assert FLAC(convert(source, "flac").path)["title"] == ["A title that has more than thirty letters"]


def test_a_tag_that_stands_in_matroska_twice_is_read_twice(tmp_path: Path, convert: Convert) -> None:
    names = ("-metadata", "artist=Ann", "-metadata", "artisx=Bob", "-metadata", "title=t")
    source = encoded(tmp_path, "a.mka", *names, samples=music(0.3))
    content = source.read_bytes()
    assert content.count(b"ARTISX") == 1
    source.write_bytes(content.replace(b"ARTISX", b"ARTIST"))
    assert FLAC(convert(source, "flac").path)["artist"] == ["Ann", "Bob"]


def element(name: str, *contents: bytes) -> bytes:
    """RFC 8794, section 6: with a size of eight bytes."""
    content = b"".join(contents)
    return bytes.fromhex(name) + (len(content) | 1 << 56).to_bytes(8) + content


def tag_of(level: int, **texts: str) -> bytes:
    simples = (
        element("67c8", element("45a3", name.upper().encode()), element("4487", text.encode()))
        for name, text in texts.items()
    )
    return element("7373", element("63c0", element("68ca", bytes([level]))), *simples)


@pytest.mark.parametrize("is_album_first", [True, False])
def test_the_title_of_an_album_in_matroska_is_that_of_the_album(
    tmp_path: Path, convert: Convert, is_album_first: bool
) -> None:
    source = encoded(tmp_path, "a.mka", "-metadata", "comment=" + "c" * 1000, samples=music(0.3))
    content = source.read_bytes()
    begin = content.index(bytes.fromhex("1254c367"), 200)  # behind the index
    size = int.from_bytes(content[begin + 4 : begin + 6]) & 0x3FFF
    tags = [tag_of(50, title="Songs", artist="All", date_released="2001"), tag_of(30, title="One", artist="Ann")]
    made = b"".join(tags if is_album_first else reversed(tags))
    made += element("ec", bytes(size - len(made) - 9))
    source.write_bytes(content[: begin + 6] + made + content[begin + 6 + size :])
    song = FLAC(convert(source, "flac").path)
    assert {name: song[name] for name in ("title", "artist", "album", "albumartist", "date")} == {
        "title": ["One"],
        "artist": ["Ann"],
        "album": ["Songs"],
        "albumartist": ["All"],
        "date": ["2001"],
    }


@pytest.mark.parametrize("to", ["flac", "mka"])  # of which the second has one text of them
@pytest.mark.parametrize("performers", [["Ann"], ["Ann", "Bob"]])
def test_a_performer_beside_several_conductors_is_carried(
    tmp_path: Path, convert: Convert, performers: list[str], to: str
) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(0.3))
    song = FLAC(source)
    song["performer"], song["conductor"] = performers, ["Cleo", "Dan"]
    song.save()
    made = convert(source, to)
    back = FLAC(convert(made.path, "flac").path)
    assert made.report.not_carried == ()
    assert [";".join(back[name]) for name in ("performer", "conductor")] == [";".join(performers), "Cleo;Dan"]
    assert len(back["conductor"]) == (2 if to == "flac" else 1)


def test_a_genre_of_windows_media_by_both_its_names_is_carried(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.wma", samples=music(0.3))
    for plain, wanted in (("Blues", ["Jazz", "Blues"]), ("Jazz", ["Jazz"])):
        song = ASF(source)
        song["WM/Genre"], song["Genre"] = ["Jazz"], [plain]
        song.save()
        made = convert(source, "flac")
        assert sorted(FLAC(made.path)["genre"]) == sorted(wanted)
        assert made.report.not_carried == ()
