"""One source into pieces: nothing is lost between them, and each is a whole file for tools that are not ours."""

from __future__ import annotations

import json
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import mutagen
import numpy as np
import pytest

from soundmill.engine import Converted, Job, Limits, Mill
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.engine.conftest import Convert
from tests.engine.mills import conversions
from tests.engine.test_options import with_chapters
from tests.sounds import RATE, Samples, decoded, encoded, ffmpeg, jpeg, long_music, music, write

REST = ("wav", "alac", "aiff", "opus", "m4a", "aac", "wma", "mka", "webm")
SHEET = """FILE "a.wav" WAVE
TRACK 01 AUDIO
TITLE "One: a/b"
INDEX 01 00:00:30
TRACK 02 AUDIO
TITLE "Two é"
PERFORMER "Else"
INDEX 01 00:01:33
TRACK 03 AUDIO
INDEX 01 00:02:00
"""


def pieces(made: Converted) -> list[Path]:
    """The files of the ZIP, in its order, whose checksums must be right."""
    with zipfile.ZipFile(made.path) as archive:
        assert archive.testzip() is None
        assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_STORED}
        archive.extractall(directory := made.path.parent / "out")
        return [directory / each.filename for each in archive.infolist()]


def joined(made: Converted) -> Samples:
    return np.concatenate([decoded(each) for each in pieces(made)])


def told(path: Path) -> dict[str, str]:
    """Its tags, as ffprobe says them."""
    command: list[str | Path] = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", path]
    shown = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    tags = shown["format"].get("tags", {}) | shown["streams"][0].get("tags", {})
    return {name.lower(): text for name, text in tags.items()}


@pytest.mark.parametrize("to", ["mp3", "flac", "ogg", *(pytest.param(each, marks=pytest.mark.slow) for each in REST)])
def test_chapters_become_files(tmp_path: Path, convert: Convert, to: str) -> None:
    source = with_chapters(tmp_path, music(4.0))
    made = convert(source, to, split="chapters")
    assert made.path.name == "result.zip"
    files = pieces(made)
    assert [each.stem for each in files] == ["01 P0", "02 P1", "03 P2", "04 P3"]
    for number, each in enumerate(files, 1):
        if to != "aac":  # ADTS's tags aren't shown by ffprobe 5.1
            assert told(each)["title"] == f"P{number - 1}"
    assert made.report.result.container == "zip"
    assert made.report.result.chapter_count == 4
    if to in ("wav", "flac", "alac", "aiff", "mka"):
        assert np.array_equal(joined(made), decoded(source))
    if to in ("mp3", "ogg", "opus"):
        assert len(joined(made)) == 4 * RATE
    if to not in ("aac", "wma"):
        assert made.report.result.duration == pytest.approx(4, abs=1e-6)
    assert list(made.path.parent.glob("part *")) == []


def test_a_cue_sheet_divides_to_the_frame_and_names_and_tags_its_pieces(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", "-metadata", "title=The Album", "-metadata", "artist=Band", samples=music(3.0))
    made = convert(source, "flac", split="cue", cue_sheet=SHEET)
    files = pieces(made)
    assert [each.name for each in files] == ["01 One- a-b.flac", "02 Two é.flac", "03.flac"]
    assert [len(decoded(each)) for each in files] == [108 * 588, 42 * 588, RATE]
    assert np.array_equal(joined(made), decoded(source))
    assert [told(each)["title"] for each in files] == ["One: a/b", "Two é", "Part 3"]
    assert [told(each)["artist"] for each in files] == ["Band", "Else", "Band"]
    assert [(told(each)["track"], told(each)["tracktotal"]) for each in files] == [("1", "3"), ("2", "3"), ("3", "3")]
    assert {told(each)["album"] for each in files} == {"The Album"}
    for each in files:
        subprocess.run(["flac", "-t", "--silent", each], check=True)


def test_the_duration_of_many_pieces_is_that_of_the_whole(tmp_path: Path, convert: Convert) -> None:
    thirds = "".join(f"TRACK 0{number + 1} AUDIO\nINDEX 01 00:00:{25 * number}\n" for number in range(3))
    made = convert(write(tmp_path / "a.wav", music(1.0)), "flac", split="cue", cue_sheet=f'FILE "a.wav" WAVE\n{thirds}')
    assert made.report.result.duration == 1


def test_dots_within_a_title_stay_in_the_name(tmp_path: Path, convert: Convert) -> None:
    source = write(tmp_path / "a.wav", music(3.0))
    sheet = SHEET.replace("One: a/b", "...And Justice").replace("Two é", "Point .5 ...")
    assert [each.name for each in pieces(convert(source, "flac", split="cue", cue_sheet=sheet))] == [
        "01 ...And Justice.flac",
        "02 Point .5.flac",
        "03.flac",
    ]


def test_a_cue_sheet_in_the_file_is_followed(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(3.0))
    song = mutagen.File(source)
    song["CUESHEET"] = SHEET
    song.save()
    made = convert(source, "wav", split="cue")
    assert len(pieces(made)) == 3
    assert np.array_equal(joined(made), decoded(source))
    assert made.report.not_carried == ()


ALBUM = 'REM GENRE Jazz\nREM DATE 1999\nPERFORMER "The Band"\nTITLE "The Sheet\'s"\n'


def test_pieces_of_a_rip_without_tags_have_those_of_the_sheet(tmp_path: Path, convert: Convert) -> None:
    source = write(tmp_path / "a.wav", music(3.0))
    files = pieces(convert(source, "mp3", split="cue", cue_sheet=ALBUM + SHEET, tags={"genre": "", "date": "2001"}))
    assert [told(each)["artist"] for each in files] == ["The Band", "Else", "The Band"]
    for each in files:
        shown = told(each)
        assert (shown["album"], shown["album_artist"], shown["date"]) == ("The Sheet's", "The Band", "2001")
        assert "genre" not in shown
    bare = pieces(convert(source, "mp3", split="cue", cue_sheet=ALBUM + SHEET, strip_tags=True))
    assert not {"album", "artist", "album_artist", "title"} & set(told(bare[0]))


def test_codes_and_writers_of_a_sheet_are_those_of_its_pieces(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", "-metadata", "composer=All", samples=music(3.0))
    sheet = SHEET.replace('TITLE "Two é"', "ISRC GBAYE9700367\nSONGWRITER Somebody Else")
    shown = [told(each) for each in pieces(convert(source, "flac", split="cue", cue_sheet=sheet))]
    assert [each.get("isrc") for each in shown] == [None, "GBAYE9700367", None]
    assert [each["composer"] for each in shown] == ["All", "Somebody Else", "All"]


def test_tags_that_are_asked_for_are_those_of_all_pieces(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", "-metadata", "title=Whole", samples=music(3.0))
    sheet = SHEET.replace('TITLE "Two é"', "TITLE Two\nSONGWRITER Somebody Else")
    asked = {"artist": "Ann", "composer": "", "album": "", "track": "7"}
    made = convert(source, "flac", split="cue", cue_sheet=sheet, tags=asked)
    for each in map(told, pieces(made)):
        assert each["artist"] == "Ann"
        assert not {"composer", "album"} & set(each)
    assert made.report.not_carried == ("tag: track (each piece has its own)",)


def test_a_title_that_is_asked_for_is_that_of_the_album_or_told(tmp_path: Path, convert: Convert) -> None:
    source = with_chapters(tmp_path, music(4.0))
    made = convert(source, "flac", split="chapters", tags={"title": "All"})
    assert {(told(each)["album"]) for each in pieces(made)} == {"All"}
    assert made.report.not_carried == ()
    made = convert(source, "flac", split="chapters", tags={"title": "All", "album": "Own"})
    first = told(pieces(made)[0])
    assert (first["title"], first["album"]) == ("P0", "Own")
    assert made.report.not_carried == ("tag: title (each piece has its own)",)


def test_of_a_sound_that_is_cut_off_there_are_the_pieces_that_are_left(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(3.0))
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 4])
    made = convert(source, "wav", split="cue", cue_sheet=SHEET, on_damage="salvage")
    assert [each.name for each in pieces(made)] == ["01 One- a-b.wav"]
    assert np.array_equal(joined(made), decoded(convert(source, "wav", on_damage="salvage").path))
    assert made.report.not_carried[-2:] == (
        "02 Two é.wav (the sound ends before it begins)",
        "03.wav (the sound ends before it begins)",
    )


def test_how_many_pieces_there_are_is_not_what_the_whole_says(tmp_path: Path, convert: Convert) -> None:
    said = ("-metadata", "track=1", "-metadata", "tracktotal=1")
    source = encoded(tmp_path, "a.flac", *said, samples=music(3.0))
    for to, number in (("flac", ("2", "3")), ("mp3", ("2/3", None))):
        shown = told(pieces(convert(source, to, split="cue", cue_sheet=SHEET))[1])
        assert (shown["track"], shown.get("tracktotal")) == number


def test_a_source_knows_its_album_better_than_a_sheet(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", "-metadata", "album=Own", "-metadata", "artist=Ann", samples=music(3.0))
    shown = told(pieces(convert(source, "flac", split="cue", cue_sheet=ALBUM + SHEET))[0])
    assert (shown["album"], shown["artist"], shown["date"]) == ("Own", "Ann", "1999")


def test_pauses_divide_in_their_middle(tmp_path: Path, convert: Convert) -> None:
    sound = np.repeat(0.4 * np.where(np.arange(8 * RATE) // 50 % 2, 1, -1)[:, None], 2, axis=1)
    for begin, end in ((0.0, 1.5), (2.0, 3.0), (4.0, 4.9), (6.0, 7.5)):
        sound[round(begin * RATE) : round(end * RATE)] = 0
    source = write(tmp_path / "a.wav", sound)
    made = convert(source, "flac", split="silence")
    assert [len(decoded(each)) / RATE for each in pieces(made)] == [2.5, 4.25, 1.25]
    assert np.array_equal(joined(made), decoded(source))
    finer = convert(source, "flac", split="silence", shortest_silence=0.9, trim_start=1.0, trim_silence=True)
    assert [len(decoded(each)) / RATE for each in pieces(finer)] == [1.5, 1.95, 2.3, 1.25]


def test_edits_apply_to_the_whole_before_it_is_divided(tmp_path: Path, convert: Convert) -> None:
    source = with_chapters(tmp_path, music(4.0))
    whole = convert(source, "flac", trim_start=0.7, trim_end=3.3, fade_in=0.5)
    made = convert(source, "flac", trim_start=0.7, trim_end=3.3, fade_in=0.5, split="chapters")
    assert [each.name for each in pieces(made)] == ["01 P0.flac", "02 P1.flac", "03 P2.flac", "04 P3.flac"]
    # Dithered, but with the same noise: it is one stream until it is divided.
    assert np.array_equal(joined(made), decoded(whole.path))


def test_a_resampled_sound_has_no_seams(tmp_path: Path, convert: Convert) -> None:
    source = with_chapters(tmp_path, music(4.0))
    whole = convert(source, "wav", sample_rate=48_000, bit_depth=24)
    made = convert(source, "wav", sample_rate=48_000, bit_depth=24, split="chapters")
    files = [decoded(each, rate=48_000) for each in pieces(made)]
    assert np.array_equal(np.concatenate(files), decoded(whole.path, rate=48_000))


def test_every_piece_has_the_cover_and_what_none_can_carry_is_told_once(tmp_path: Path, convert: Convert) -> None:
    picture = tmp_path / "cover.jpg"
    picture.write_bytes(jpeg())
    plain = encoded(tmp_path, "plain.flac", samples=music(3.0))
    source = tmp_path / "a.flac"
    ffmpeg("-i", plain, "-i", picture, "-map", "0", "-map", "1", "-c", "copy", "-disposition:v", "attached_pic", source)
    for each in pieces(convert(source, "mp3", split="cue", cue_sheet=SHEET)):
        assert [frame.data for frame in mutagen.File(each).tags.getall("APIC")] == [jpeg()]
    assert convert(source, "webm", split="cue", cue_sheet=SHEET).report.not_carried == ("cover",)


def test_stripped_pieces_have_no_names(tmp_path: Path, convert: Convert) -> None:
    made = convert(with_chapters(tmp_path, music(4.0)), "mp3", split="chapters", strip_tags=True)
    files = pieces(made)
    assert [each.name for each in files] == ["01.mp3", "02.mp3", "03.mp3", "04.mp3"]
    assert "title" not in told(files[0])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"split": "chapters"}, "no chapters"),
        ({"split": "cue"}, "no cue sheet"),
        ({"split": "cue", "cue_sheet": SHEET, "trim_start": 1.0, "trim_end": 1.000_001}, "no piece is left"),
        ({"split": "cue", "cue_sheet": SHEET.replace("00:02:00", "00:09:00")}, "ends before piece 3 of 3"),
        ({"split": "silence", "shortest_silence": 0.0, "silence_threshold": -20.0}, "more than 999 pieces"),
    ],
)
def test_what_cannot_be_divided_so_is_refused(
    tmp_path: Path, convert: Convert, options: dict[str, object], complaint: str
) -> None:
    source = write(tmp_path / "a.wav", music(3.0))
    with pytest.raises(ConversionError, match=complaint) as refused:
        convert(source, "flac", **options)
    assert refused.value.failure.code is FailureCode.UNSUITABLE_OPTIONS


@pytest.mark.parametrize(
    ("cut", "wanted"),
    [
        ((0.0, 8.0), [("01 A", 3.0), ("02 B", 1.0), ("03 C", 4.0)]),
        ((0.1, 0.4), [("01 A", 0.3)]),
        ((2.2, 2.7), [("01 A", 0.5)]),
        ((3.5, 5.0), [("01 B", 0.5), ("02 C", 1.0)]),
        ((7.5, 8.0), [("01 C", 0.5)]),
        ((1.0, 3.000_01), [("01 A", 2.0)]),
    ],
)
def test_a_cut_leaves_of_each_piece_what_lies_in_it(
    tmp_path: Path, convert: Convert, cut: tuple[float, float], wanted: list[tuple[str, float]]
) -> None:
    source = with_spans(tmp_path, [("A", 0.5, 2.0), ("B", 3.0, 6.0), ("C", 4.0, 7.0)], 8.0)
    files = pieces(convert(source, "flac", split="chapters", trim_start=cut[0], trim_end=cut[1]))
    assert [each.stem for each in files] == [name for name, _ in wanted]
    assert [len(decoded(each)) for each in files] == [pytest.approx(seconds * RATE, abs=1) for _, seconds in wanted]


def with_spans(directory: Path, spans: list[tuple[str, float, float]], seconds: float) -> Path:
    """Chapters with gaps between them, or one over the other."""
    told = "".join(
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={begin * 1000:.0f}\nEND={end * 1000:.0f}\ntitle={title}\n"
        for title, begin, end in spans
    )
    (directory / "chapters").write_text(f";FFMETADATA1\n{told}")
    plain = write(directory / "plain.wav", music(seconds))
    ffmpeg("-i", plain, "-i", directory / "chapters", "-map_chapters", "1", "-c:a", "flac", directory / "a.mka")
    return directory / "a.mka"


def test_names_stay_in_their_archive(tmp_path: Path, convert: Convert) -> None:
    sheet = SHEET.replace("One: a/b", "../../etc/passwd").replace("Two é", "..\\\\C:x\u202egnp")
    made = convert(write(tmp_path / "a.wav", music(3.0)), "mp3", split="cue", cue_sheet=sheet)
    with zipfile.ZipFile(made.path) as archive:
        for name in archive.namelist():
            assert not set(name) & set("/\\:\u202e")
            assert not name.startswith(".")


def test_pieces_have_the_loudness_of_all_together(tmp_path: Path, convert: Convert) -> None:
    source = with_chapters(tmp_path, music(4.0))
    whole = convert(source, "flac", measure_loudness=True).report.result.loudness
    assert whole is not None
    assert convert(source, "flac", split="chapters", measure_loudness=True).report.result.loudness == whole


ALBUM_SHEET = """FILE "album.wav" WAVE
TRACK 01 AUDIO
INDEX 01 00:00:00
TRACK 02 AUDIO
INDEX 01 00:50:07
TRACK 03 AUDIO
INDEX 01 00:57:00
"""


@pytest.mark.parametrize(
    "to", ["flac", *(pytest.param(each, marks=pytest.mark.slow) for each in ("mp3", "ogg", *REST))]
)
def test_long_pieces_are_encoded_on_several_cores_and_are_the_same(tmp_path: Path, mill: Mill, to: str) -> None:
    source = write(tmp_path / "album.wav", long_music(130, 44_100), 44_100)
    options = ConversionOptions(split="cue", cue_sheet=ALBUM_SHEET)
    most_at_work = 0

    def tick(fraction: float) -> bool:
        nonlocal most_at_work
        most_at_work = max(most_at_work, sum(each.cpu_times().user > 0.1 for each in conversions()))
        return True

    made = []
    for encoders in (1, 2):
        (directory := tmp_path / str(encoders)).mkdir()
        made.append(mill.convert(Job(source, directory, FORMATS[to], options, encoders=encoders), tick))
    serial, split = made
    assert most_at_work > 1 or to in {"flac", "mka", "wav", "aiff", "wma"}  # soon done, or not to be cut
    found, expected = (replace(each.report.result, bit_rate=None) for each in made)
    assert found == expected
    assert (split.report.not_carried, split.report.remarks) == (serial.report.not_carried, ())
    for one, other in zip(pieces(serial), pieces(split), strict=True):
        if to == "flac":
            assert one.read_bytes() == other.read_bytes()
        assert one.name == other.name
        alone, by_crew = decoded(one), decoded(other)
        assert by_crew.shape == alone.shape
        assert np.sqrt(np.mean((by_crew - alone) ** 2)) < 0.05 * np.sqrt(np.mean(alone**2))


def test_many_pieces_take_no_more_memory_than_few(tmp_path: Path, mill: Mill) -> None:
    """FLAC's encoder takes 6 MB."""
    tracks = "".join(f"TRACK {n + 1:02} AUDIO\nINDEX 01 00:{n // 12:02}:{n % 12 * 6:02}\n" for n in range(99))
    options = ConversionOptions(split="cue", cue_sheet=f'FILE "a.wav" WAVE\n{tracks}')
    source = write(tmp_path / "a.wav", music(9.0))
    job = Job(source, tmp_path, FORMATS["flac"], options, Limits(memory_bytes=700 << 20))
    assert mill.convert(job, lambda fraction: True).report.result.chapter_count == 99
