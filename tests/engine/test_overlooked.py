"""What FFmpeg doesn't read of tags is carried, or said to be lost."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest
from mutagen.apev2 import APEBinaryValue, APEExtValue, APEv2
from mutagen.flac import FLAC
from mutagen.id3 import COMM, ID3, RVA2, TIPL, TIT2, TXXX, UFID, USLT, Frame
from mutagen.mp4 import MP4
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from tests.engine.conftest import Convert
from tests.sounds import encoded, ffmpeg, jpeg, music, write


def without_tags(directory: Path) -> Path:
    return encoded(directory, "a.mp3", "-id3v2_version", "0", samples=music(0.3))


def framed(directory: Path, *frames: Frame) -> Path:
    path = without_tags(directory)
    tags = ID3()
    for each in frames:
        tags.add(each)
    tags.save(path)
    return path


def add_ape(path: Path) -> None:
    tags = APEv2()
    tags["Title"], tags["Artist"], tags["Album Artist"] = "By APE", ["Ann", "Bob"], "All of them"
    tags["Year"], tags["REPLAYGAIN_TRACK_GAIN"], tags["MP3GAIN_UNDO"] = "1988", "-3.50 dB", "+002,+002,N"
    tags["Cover Art (Front)"] = APEBinaryValue(b"front.jpg\0" + jpeg())
    tags.save(path)


@pytest.mark.parametrize("to", ["flac", "mp3", "m4a"])
def test_ape_tags_of_an_mp3_are_carried(tmp_path: Path, convert: Convert, to: str) -> None:
    source = without_tags(tmp_path)
    add_ape(source)
    made = convert(source, to)
    assert made.report.source.tags == {
        "title": "By APE",
        "artist": "Ann;Bob",
        "album_artist": "All of them",
        "date": "1988",
        "replaygain_track_gain": "-3.50 dB",
    }
    assert made.report.result.tags == made.report.source.tags
    assert made.report.not_carried == ()
    if to == "flac":
        song = FLAC(made.path)
        assert song["artist"] == ["Ann", "Bob"]
        assert song.pictures[0].data == jpeg()


def test_ape_tags_complete_those_of_id3v2(tmp_path: Path, convert: Convert) -> None:
    source = framed(tmp_path, TIT2(encoding=3, text=["By ID3"]))
    add_ape(source)
    tags = FLAC(convert(source, "flac").path).tags
    assert (tags["title"], tags["artist"]) == (["By ID3"], ["Ann", "Bob"])


def test_a_comment_or_lyrics_in_another_language_are_said_to_be_lost(tmp_path: Path, convert: Convert) -> None:
    source = framed(
        tmp_path,
        COMM(encoding=3, lang="eng", desc="", text=["one"]),
        COMM(encoding=3, lang="deu", desc="", text=["eins"]),
        USLT(encoding=3, lang="eng", desc="", text="la"),
        USLT(encoding=3, lang="deu", desc="", text="tra la"),
    )
    made = convert(source, "flac")
    lost = {"tag: lyrics-eng": "tra la", "tag: lyrics-deu": "la"}
    first, *others = sorted(made.report.not_carried, reverse=True)
    assert made.report.result.tags == {"comment": "one", "lyrics": lost[first]}
    assert others == ["tag: comment (deu)"]


def test_of_thousands_of_frames_the_first_ones_are_named(tmp_path: Path, convert: Convert) -> None:
    languages = [first + second + third for first in "abcde" for second in "abcdefghij" for third in "abcdefghij"]
    source = framed(
        tmp_path, *(COMM(encoding=3, lang=each, desc="d" * 2000, text=[f"in {each}"]) for each in languages)
    )
    told = convert(source, "flac").report.not_carried
    assert len(told) < 150
    assert any(each.endswith("more") for each in told)
    assert max(map(len, told)) < 200


@pytest.mark.parametrize("to", ["flac", "mp3", "m4a"])
def test_people_identifiers_and_loudness_in_frames_are_carried(tmp_path: Path, convert: Convert, to: str) -> None:
    source = framed(
        tmp_path,
        TIPL(encoding=3, people=[["producer", "Ann"], ["engineer", "Bob"]]),
        UFID(owner="http://musicbrainz.org", data=b"0c3ff2a6"),
        RVA2(desc="track", channel=1, gain=-3.5, peak=0.9),
        RVA2(desc="album", channel=1, gain=-4.5, peak=0.9),
        TXXX(encoding=3, desc="replaygain_album_gain", text=["-4.51 dB"]),
    )
    made = convert(source, to)
    assert made.report.not_carried == ()
    assert made.report.result.tags == {
        "tipl": "producer: Ann;engineer: Bob",
        "musicbrainz_trackid": "0c3ff2a6",
        "replaygain_track_gain": "-3.50 dB",
        "replaygain_album_gain": "-4.51 dB",
    }


def test_a_film_is_not_called_as_its_track_is(tmp_path: Path, convert: Convert) -> None:
    source = encoded(
        tmp_path, "a.mka", "-metadata", "title=The film", "-metadata:s:a:0", "title=Stereo", samples=music(0.3)
    )
    assert ffmpeg("-i", source, "-f", "ffmetadata", "-").count(b"title=The film") == 1
    assert convert(source, "flac").report.result.tags["title"] == "The film"


def test_of_several_dates_the_lost_ones_are_told(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(0.3))
    song = FLAC(source)
    song["date"] = ["2001", "2002"]
    song.save()
    made = convert(source, "mp3")
    assert made.report.result.tags["date"] == "2001"
    assert made.report.not_carried == ("tag: date",)


def commented(directory: Path, name: str, value: bytes) -> Path:
    path = encoded(directory, "a.ogg", samples=music(0.3))
    song = OggVorbis(path)
    song[name] = b64encode(value).decode()
    song.save()
    return path


@pytest.mark.parametrize("to", ["flac", "ogg", "mp3"])
def test_a_cover_of_before_there_were_picture_blocks_is_carried(tmp_path: Path, convert: Convert, to: str) -> None:
    made = convert(commented(tmp_path, "COVERART", jpeg()), to)
    assert made.report.not_carried == ()
    assert made.report.result.has_cover
    assert "coverart" not in made.report.result.tags
    if to == "flac":
        assert FLAC(made.path).pictures[0].data == jpeg()


@pytest.mark.parametrize("name", ["METADATA_BLOCK_PICTURE", "COVERART"])
def test_a_broken_picture_in_a_comment_is_told(tmp_path: Path, convert: Convert, name: str) -> None:
    assert convert(commented(tmp_path, name, bytes(7)), "flac").report.not_carried == ("cover",)


def test_a_comment_and_a_description_are_both_carried_through_wav(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(0.3))
    song = FLAC(source)
    song["comment"], song["description"] = "said", "told"
    song.save()
    there = convert(source, "wav")
    back = convert(there.path, "flac")
    assert there.report.not_carried == back.report.not_carried == ()
    tags = FLAC(back.path).tags
    assert (tags["comment"], tags["description"]) == (["said"], ["told"])


def test_free_text_without_a_name_is_told_as_such(tmp_path: Path, convert: Convert) -> None:
    source = framed(tmp_path, TXXX(encoding=3, desc="", text=["a note"]))
    assert convert(source, "flac").report.not_carried == ("tag: (one without a name)",)


def with_atoms(directory: Path, **atoms: object) -> Path:
    path = encoded(directory, "a.m4a", "-c:a", "aac", samples=music(0.3))
    song = MP4(path)
    if song.tags is None:
        song.add_tags()
    for name, value in atoms.items():
        song[name.replace("c_", "\xa9")] = value
    song.save()
    return path


@pytest.mark.parametrize("to", ["flac", "ogg", "wav", "wma"])
def test_a_description_that_becomes_a_comment_is_not_lost(tmp_path: Path, convert: Convert, to: str) -> None:
    made = convert(with_atoms(tmp_path, desc=["a story"]), to)
    assert made.report.not_carried == ()
    assert "a story" in made.report.result.tags.values()


@pytest.mark.parametrize("number", [(40_000, 65_535), (5, 0), (5, 12)])
def test_numbers_of_tracks_fill_their_place_in_mp4(tmp_path: Path, convert: Convert, number: tuple[int, int]) -> None:
    source = with_atoms(tmp_path, trkn=[number])
    made = convert(source, "flac")
    assert made.report.not_carried == ()
    song = FLAC(made.path)
    assert (song["tracknumber"], song.get("tracktotal", ["0"])) == ([str(number[0])], [str(number[1])])
    again = convert(made.path, "m4a")
    assert again.report.not_carried == ()
    assert MP4(again.path)["trkn"] == [number]


def test_work_and_movement_of_itunes_are_carried(tmp_path: Path, convert: Convert) -> None:
    source = with_atoms(tmp_path, c_wrk=["Suite"], c_mvn=["Gigue"], c_mvi=[7], sdes=["told"])
    made = convert(source, "flac")
    assert [FLAC(made.path)[name] for name in ("work", "movementname", "movement")] == [["Suite"], ["Gigue"], ["7"]]
    assert made.report.not_carried == ("tag: series description (sdes)",)
    for again in (convert(made.path, "m4a"), convert(source, "m4a")):
        assert [MP4(again.path)[atom] for atom in ("\xa9wrk", "\xa9mvn", "\xa9mvi")] == [["Suite"], ["Gigue"], [7]]


def id3v1(title: str, artist: str, album: str, comment: str) -> bytes:
    texts = (title, artist, album)
    head = b"TAG" + b"".join(each.encode("cp1252").ljust(30, b"\0") for each in texts) + b"1988"
    return head + comment.encode("cp1252").ljust(28, b"\0") + b"\0\x07" + bytes([8])


@pytest.mark.parametrize("to", ["flac", "mp3"])
def test_id3v1_completes_id3v2(tmp_path: Path, convert: Convert, to: str) -> None:
    source = framed(tmp_path, TIT2(encoding=3, text=["A title that has more than thirty letters"]))
    old = id3v1("A title that has more than thi", "Zoë", "Songs", "said")
    source.write_bytes(source.read_bytes() + old)
    made = convert(source, to)
    assert made.report.not_carried == ()
    assert made.report.result.tags == {
        "title": "A title that has more than thirty letters",
        "artist": "Zoë",
        "album": "Songs",
        "date": "1988",
        "comment": "said",
        "track": "7",
        "genre": "Jazz",
    }


def test_another_comment_in_id3v1_is_told(tmp_path: Path, convert: Convert) -> None:
    for comment, lost in (("said by somebody", ()), ("unsaid", ("tag: comment (ID3v1)",))):
        source = framed(tmp_path, COMM(encoding=3, lang="eng", desc="", text=["said by somebody else"]))
        source.write_bytes(source.read_bytes() + id3v1("", "", "", comment))
        made = convert(source, "flac")
        assert made.report.not_carried == lost
        assert made.report.result.tags["comment"] == "said by somebody else"


@pytest.mark.parametrize("name", ["a.wv", "a.tta"])
def test_ape_tags_before_id3v1_are_carried(tmp_path: Path, convert: Convert, name: str) -> None:
    source = encoded(tmp_path, name, "-map_metadata", "-1", samples=music(0.3))
    add_ape(source)
    source.write_bytes(source.read_bytes() + id3v1("By ID3v1", "", "Songs", ""))
    made = convert(source, "flac")
    song = FLAC(made.path)
    assert (song["title"], song["artist"], song["album"]) == (["By APE"], ["Ann", "Bob"], ["Songs"])
    assert [each.data for each in song.pictures] == [jpeg()]
    assert made.report.not_carried == ()


def test_links_in_ape_are_carried_and_other_data_is_told(tmp_path: Path, convert: Convert) -> None:
    source = without_tags(tmp_path)
    tags = APEv2()
    tags["Related"], tags["Blob"] = APEExtValue("https://example.org/"), APEBinaryValue(b"\0\1\2")
    tags.save(source)
    made = convert(source, "flac")
    assert FLAC(made.path)["related"] == ["https://example.org/"]
    assert made.report.not_carried == ("tag: Blob",)


def chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def with_chunks(path: Path, *chunks: bytes) -> Path:
    content = path.read_bytes()[12:] + b"".join(chunks)
    path.write_bytes(b"RIFF" + (len(content) + 4).to_bytes(4, "little") + b"WAVE" + content)
    return path


@pytest.mark.parametrize("is_comment_first", [True, False])
def test_a_comment_and_a_description_of_broadcast_wave_are_both_carried(
    tmp_path: Path, convert: Convert, is_comment_first: bool
) -> None:
    chunks = [chunk(b"LIST", b"INFO" + chunk(b"ICMT", b"said\0")), chunk(b"bext", b"told".ljust(602, b"\0"))]
    source = with_chunks(write(tmp_path / "a.wav", music(0.3)), *(chunks if is_comment_first else reversed(chunks)))
    for path in (source, convert(source, "wav").path):
        made = convert(path, "flac")
        song = FLAC(made.path)
        assert (song["comment"], song["description"]) == (["said"], ["told"])
        assert made.report.not_carried == ()


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ((b"IPRT", b"3", b"ITRK", b"7"), {"tag: track (IPRT)"}),
        ((b"ITRK", b"03", b"IPRT", b"3/12"), set()),
        ((b"ITRK", b"1", b"IPRT", b"12"), {"tag: track (ITRK)"}),
        ((b"ICMT", b"said", b"ICMT", b"unsaid"), {"tag: comment (ICMT)"}),
    ],
)
def test_of_two_texts_of_riff_by_one_name_the_other_is_told(
    tmp_path: Path, convert: Convert, texts: tuple[bytes, ...], told: set[str]
) -> None:
    info = b"".join(chunk(name, text + b"\0") for name, text in zip(texts[::2], texts[1::2], strict=True))
    source = with_chunks(write(tmp_path / "a.wav", music(0.3)), chunk(b"LIST", b"INFO" + info))
    assert set(convert(source, "flac").report.not_carried) == told


@pytest.mark.parametrize(
    ("comment", "title", "told"),
    [
        (b"said", b"A long title th", set()),
        (b"said", b"A long title, that is whole", set()),
        (b"one", b"A long title that is whole", set()),
        (b"unsaid", b"Another", {"tag: comment (ICMT)", "tag: title (INAM)"}),
    ],
)
def test_what_riff_says_otherwise_than_id3_is_told(
    tmp_path: Path, convert: Convert, comment: bytes, title: bytes, told: set[str]
) -> None:
    info = chunk(b"LIST", b"INFO" + chunk(b"ICMT", comment + b"\0") + chunk(b"INAM", title + b"\0"))
    source = with_chunks(write(tmp_path / "a.wav", music(0.3)), info)
    tags = WAVE(source)
    tags.add_tags()
    said = ["one", "two"] if comment == b"one" else ["said"]
    tags.tags.add(COMM(encoding=3, lang="eng", desc="", text=said))
    tags.tags.add(TIT2(encoding=3, text=["A long title that is whole"]))
    tags.save()
    made = convert(source, "flac")
    assert set(made.report.not_carried) == told
    assert FLAC(made.path)["comment"] == said
    assert convert(convert(source, "wav").path, "flac").report.not_carried == ()


def test_chunks_that_are_carried_nowhere_are_told(tmp_path: Path, convert: Convert) -> None:
    source = with_chunks(write(tmp_path / "a.wav", music(0.3)), chunk(b"iXML", b"<BWFXML/>"), chunk(b"smpl", bytes(36)))
    told = {"tag: iXML", "tag: loops of a sampler (smpl)"}
    assert set(convert(source, "flac").report.not_carried) == set(convert(source, "wav").report.not_carried) == told


def test_all_annotations_and_comments_of_aiff_are_carried(tmp_path: Path, convert: Convert) -> None:
    source = write(tmp_path / "a.aiff", music(0.3))
    comments = (2).to_bytes(2) + b"".join(bytes(6) + len(each).to_bytes(2) + each for each in (b"four", b"five55"))
    chunks = ((b"ANNO", b"one"), (b"ANNO", b"two three "), (b"COMT", comments))
    content = source.read_bytes()[12:]
    content += b"".join(name + len(each).to_bytes(4) + each + bytes(len(each) % 2) for name, each in chunks)
    source.write_bytes(b"FORM" + (len(content) + 4).to_bytes(4) + b"AIFF" + content)
    made = convert(source, "flac")
    assert FLAC(made.path)["comment"] == ["one", "two three ", "four", "five55"]
    assert made.report.not_carried == ()
    assert convert(source, "aiff").report.not_carried == ()
