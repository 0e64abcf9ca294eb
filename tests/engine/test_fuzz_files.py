"""Real files in which something was changed: they are opened, read and heard, or refused with a reason; and what was written is read again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC

from soundmill.engine.conversion.convert import convert
from soundmill.engine.job import Job, Limits
from soundmill.engine.reading.decode import Decoding
from soundmill.engine.reading.source import open_source
from soundmill.engine.tags.about import About, read_about
from soundmill.engine.tags.names import COMMENTS
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.sounds import encoded, jpeg, music, write

SETTINGS = settings(derandomize=True)
MUTATED = settings(SETTINGS, max_examples=25)
SECONDS, RATE = 0.25, 16_000
LONGEST = timedelta(seconds=20)
REFUSED = {
    FailureCode.DAMAGED_INPUT,
    FailureCode.UNSUPPORTED_INPUT,
    FailureCode.EMPTY_INPUT,
    FailureCode.NO_AUDIO,
    FailureCode.TOO_LONG,
}

SAID = """;FFMETADATA1
title=Ωμέγα
artist=Ann
genre=Jazz
comment=a comment
track=3
[CHAPTER]
TIMEBASE=1/1000
START=0
END=100
title=first
[CHAPTER]
TIMEBASE=1/1000
START=100
END=250
title=second
"""
ARGUMENTS = {
    "rf64.wav": ("-rf64", "always"),
    "vorbis.ogg": ("-c:a", "libvorbis"),
    "flac.ogg": ("-c:a", "flac"),
    "a.mka": ("-c:a", "flac", "-cluster_time_limit", "60"),
    "a.webm": ("-c:a", "libopus", "-cluster_time_limit", "60"),
    "a.mp3": ("-id3v2_version", "4"),
    "v3.mp3": ("-id3v2_version", "3", "-write_id3v1", "1"),
    "a.aiff": ("-write_id3v2", "1"),
    "a.m4a": ("-movflags", "+faststart"),
}
NAMES = ["a.wav", "a.flac", "a.opus", "a.wma", "a.w64", "a.caf", "a.aac", "a.tta", "a.wv", "a.au"]
WITH_COVER = frozenset({"a.mp3", "v3.mp3", "a.flac", "a.m4a"})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """The bytes of a small file that says something about itself."""
    directory = tmp_path_factory.mktemp("whole")

    @cache
    def make(name: str) -> bytes:
        said, cover = directory / "said", directory / "cover.jpg"
        said.write_text(SAID)
        cover.write_bytes(jpeg())
        covered = ("-i", cover, "-map", "0:a", "-map", "2", "-c:v", "copy", "-disposition:v", "attached_pic")
        about = ("-i", said, *(covered if name in WITH_COVER else ()), "-map_metadata", "1", "-map_chapters", "1")
        made = encoded(directory, name, *about, *ARGUMENTS.get(name, ()), samples=music(SECONDS, RATE, 1), rate=RATE)
        if name == "v3.mp3":
            tags = APEv2()
            tags["Title"], tags["Artist"] = "Ωμέγα", ["Ann", "Bob"]
            tags.save(made)
        return made.read_bytes()

    return make


@st.composite
def mutations(draw: st.DrawFn) -> list[tuple[str, float, float, bytes]]:
    """What is done, where, to how much of it, and with what."""
    kinds = st.sampled_from(["overwrite", "overwrite", "insert", "delete", "truncate", "repeat"])
    places = st.floats(0, 1) | st.floats(0, 0.1) | st.floats(0.9, 1)  # what is told is at the begin or the end
    edges = st.sampled_from(
        [bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff" * 8, b"\0\0\0\1", b"\1" + b"\xff" * 7]
    )
    data = st.binary(min_size=1, max_size=8) | edges
    return draw(st.lists(st.tuples(kinds, places, st.floats(0, 0.2), data), min_size=1, max_size=4))


def mutated(whole: bytes, changes: list[tuple[str, float, float, bytes]]) -> bytes:
    data = bytearray(whole)
    for kind, place, share, new in changes:
        at = int(place * len(data))
        size = int(share * len(data))
        if kind == "overwrite":
            data[at : at + len(new)] = new
        elif kind == "insert":
            data[at:at] = new
        elif kind == "delete":
            del data[at : at + size]
        elif kind == "truncate":
            del data[len(data) - size :]
        else:
            data[at:at] = data[at : at + size]
    return bytes(data)


def check_about(about: About) -> None:
    assert len(about.tags) <= 500
    for name, text in about.tags.items():
        assert name == name.lower()
        assert text.strip()
        assert is_text(text)
        assert all(about.values(name))
    assert about.several.keys() <= about.tags.keys()
    beginnings = [each["start"] * each["time_base"] for each in about.chapters]
    assert beginnings == sorted(beginnings)
    for each in about.chapters:
        assert each["start"] <= each["end"]
        assert all(map(is_text, each["metadata"].values()))
    if about.cover is not None:
        assert about.cover.data
        assert about.cover.width > 0
        assert about.cover.height > 0


def is_text(text: str) -> bool:
    """True without half characters."""
    return not any("\ud800" <= each <= "\udfff" for each in text)


def heard(path: Path, *, salvages: bool) -> float:
    """Seconds of all frames; what can't be had is refused in a whole sentence."""
    try:
        with open_source(path, although_damaged=salvages) as source:
            assert source.declared_samples is None or source.declared_samples >= 0
            assert source.linked_seconds >= 0
            assert source.expected_seconds is None or source.expected_seconds >= 0
            check_about(read_about(path, source))
            decoding = Decoding(source, LONGEST, salvages=salvages)
            samples = sum(each.samples for each in decoding.frames())
            assert samples > 0
            assert decoding.sample_rate in range(100, 768_001)
            assert decoding.channels in range(1, 9)
            assert all(0 <= each.at <= decoding.seconds + 1e-6 for each in decoding.holes)
            return decoding.seconds
    except ConversionError as refused:
        assert refused.failure.code in REFUSED, refused.detail_for_log  # noqa: PT017
        assert refused.failure.message.endswith(".")  # noqa: PT017
        assert len(refused.failure.message) < 300  # noqa: PT017
        return 0.0


@pytest.mark.parametrize("name", sorted([*NAMES, *ARGUMENTS]))
@given(changes=mutations(), salvages=st.booleans())
@MUTATED
def test_a_changed_file_is_heard_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    whole: Callable[[str], bytes],
    name: str,
    changes: list[tuple[str, float, float, bytes]],
    *,
    salvages: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / f"changed {name}"
    path.write_bytes(mutated(whole(name), changes))
    heard(path, salvages=salvages)


@pytest.mark.parametrize("name", sorted([*NAMES, *ARGUMENTS]))
@given(changes=mutations(), to=st.sampled_from(sorted(FORMATS)), on_damage=st.sampled_from(["fail", "salvage"]))
@settings(SETTINGS, max_examples=6)
def test_a_changed_file_is_converted_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    whole: Callable[[str], bytes],
    name: str,
    changes: list[tuple[str, float, float, bytes]],
    to: str,
    on_damage: str,
) -> None:
    directory = tmp_path_factory.mktemp("converted")
    source = directory / name
    source.write_bytes(mutated(whole(name), changes))
    options = ConversionOptions(on_damage=on_damage)
    job = Job(source, directory, FORMATS[to], options, Limits(decoded=LONGEST))
    try:
        report = convert(job, lambda fraction: None)
    except ConversionError as refused:
        assert refused.failure.code in REFUSED, refused.detail_for_log  # noqa: PT017
    else:
        assert report.result.sample_count > 0
    shutil.rmtree(directory)


@pytest.mark.parametrize("name", sorted([*NAMES, *ARGUMENTS]))
def test_an_unchanged_file_is_heard(tmp_path: Path, whole: Callable[[str], bytes], name: str) -> None:
    path = tmp_path / name
    path.write_bytes(whole(name))
    for salvages in (False, True):
        assert heard(path, salvages=salvages) == pytest.approx(SECONDS, abs=0.15)


# Names that each format has a place for, its own or one for any text.
TAGS = [
    "title", "artist", "album", "album_artist", "composer", "lyricist", "copyright", "isrc", "publisher", "titlesort",
    "musicbrainz_albumid", "acoustid_id", "replaygain_track_gain", "mood", "something", "my own name",
]  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(str.strip)
NUMBERS = st.integers(1, 9999).map(str)


@pytest.mark.parametrize("to", sorted(FORMATS))
@given(
    said=st.dictionaries(st.sampled_from(TAGS), st.lists(TEXTS, min_size=1, max_size=3, unique=True), max_size=4),
    numbers=st.dictionaries(st.sampled_from(["track", "disc", "bpm"]), NUMBERS),
)
@settings(SETTINGS, max_examples=15)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, to: str, said: dict[str, list[str]], numbers: dict[str, str]
) -> None:
    if to in ("mka", "webm"):  # FFmpeg has no other place for more
        said = {name.replace(" ", "_"): texts[:1] for name, texts in said.items()}
    directory = tmp_path_factory.mktemp("written")
    source = write(directory / "a.flac", music(0.05, 48_000, 1), 48_000)
    song = FLAC(source)
    song.update({COMMENTS.get(name, name): texts for name, texts in said.items()} | numbers)
    song.save()
    job = Job(source, directory, FORMATS[to])
    report = convert(job, lambda fraction: None)
    assert report.not_carried == ()
    with open_source(job.result_path) as result:
        found = read_about(job.result_path, result)
    assert {name: list(found.values(name)) for name in said} == said
    assert {name: found.tags[name] for name in numbers} == numbers
    assert found.tags.keys() == said.keys() | numbers.keys()
