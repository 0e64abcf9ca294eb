"""Several sources as one: every sample of each, one behind the other, with a chapter where it begins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile

from soundmill.engine import Converted, Job, Limits, Mill
from soundmill.engine.conversion.join import common_sound
from soundmill.engine.plan import Sound
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.engine.test_options import shown_chapters
from tests.sounds import RATE, decoded, encoded, music, probed, write

SLOW = pytest.mark.slow

type Join = Callable[..., Converted]


@pytest.fixture
def join(mill: Mill, tmp_path: Path) -> Join:
    """``join([a, b], "m4a", bit_rate=…)``."""

    def run(sources: list[Path], to: str, limits: Limits | None = None, **options: object) -> Converted:
        directory = tmp_path / f"to {to}"
        directory.mkdir()
        job = Job(
            sources[0],
            directory,
            FORMATS[to],
            ConversionOptions(**options),  # type: ignore[arg-type]
            limits or Limits(),
            following=tuple(sources[1:]),
            names=tuple(each.name for each in sources),
        )
        return mill.convert(job, lambda fraction: True)

    return run


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / "one.wav", music(1.3)), write(tmp_path / "two.wav", music(0.9, seed=2))]


@pytest.mark.parametrize("to", ["wav", "flac", *(pytest.param(each, marks=SLOW) for each in ("alac", "aiff", "mka"))])
def test_joined_sounds_are_exact(two: list[Path], join: Join, to: str) -> None:
    made = join(two, to)
    assert np.array_equal(decoded(made.path), np.concatenate([decoded(each) for each in two]))
    assert made.report.source.duration == made.report.result.duration == pytest.approx(2.2)


def test_what_a_source_has_that_the_result_can_not_hold_is_told_with_its_name(tmp_path: Path, join: Join) -> None:
    loud = np.array(music(0.5))
    loud[100:103], loud[200] = 1.5, np.nan
    soundfile.write(tmp_path / "loud.wav", loud, RATE, "FLOAT")
    made = join([write(tmp_path / "one.wav", music(0.4)), tmp_path / "loud.wav"], "flac")
    channels = loud.shape[1]
    assert f"loud.wav: {3 * channels} samples above full scale (cut off at it)" in made.report.not_carried
    assert f"loud.wav: {channels} samples that are no numbers (silence stands there)" in made.report.not_carried


@pytest.mark.parametrize("to", ["mp3", "wma", *(pytest.param(each, marks=SLOW) for each in ("ogg", "opus", "aac"))])
def test_lossy_results_have_the_whole_length(two: list[Path], join: Join, to: str) -> None:
    made = join(two, to)
    assert made.report.result.duration == pytest.approx(2.2, abs=0.1 if to in ("wma", "aac") else 1 / RATE)


@pytest.mark.parametrize(
    "to", ["m4a", "mp3", "wav", *(pytest.param(each, marks=SLOW) for each in ("alac", "mka", "opus", "flac"))]
)
def test_each_source_is_a_chapter(tmp_path: Path, two: list[Path], join: Join, to: str) -> None:
    titled = encoded(tmp_path, "three.flac", "-metadata", "title=Drei", samples=music(0.5))
    made = join([*two, titled], to)
    found = shown_chapters(made.path)
    assert [title for _, title in found] == ["one", "two", "Drei"]
    assert [begin for begin, _ in found] == pytest.approx([0, 1.3, 2.2], abs=0.001)
    assert made.report.not_carried == ()


def test_sources_of_any_form_come_into_one_that_holds_them_all(tmp_path: Path, join: Join) -> None:
    sources = [
        write(tmp_path / "mono.wav", music(1.0, 22_050, 1), 22_050),
        encoded(tmp_path, "b.mp3", samples=music(1.0)),
        write(tmp_path / "deep.flac", music(1.0, 48_000), 48_000, "PCM_24"),
    ]
    made = join(sources, "flac")
    shown = probed(made.path)
    assert (shown["sample_rate"], shown["channels"], shown["bits_per_raw_sample"]) == ("48000", "2", "24")
    heard = decoded(made.path, rate=48_000)
    assert len(heard) == pytest.approx(3 * 48_000, abs=3)
    assert np.array_equal(heard[-47_000:], decoded(sources[2], rate=48_000)[-47_000:])


def test_tags_on_which_all_agree_stay_and_the_others_are_told(tmp_path: Path, join: Join) -> None:
    one = encoded(tmp_path, "1.flac", "-metadata", "album=Both", "-metadata", "artist=Ann", "-metadata", "track=1")
    two = encoded(tmp_path, "2.flac", "-metadata", "album=Both", "-metadata", "artist=Bob", "-metadata", "track=2")
    made = join([one, two], "flac", tags={"title": "All"})
    song = mutagen.File(made.path)
    assert (song.get("album"), song.get("artist"), song.get("title"), song.get("tracknumber")) == (
        ["Both"], None, ["All"], None
    )  # fmt: skip
    assert made.report.not_carried == ("tag: artist (differs between the sources)",)


def test_integers_that_become_floats_beside_others_are_told(tmp_path: Path, join: Join) -> None:
    sources = [
        write(tmp_path / f"{subtype}.wav", music(0.3), subtype=subtype) for subtype in ("FLOAT", "PCM_24", "PCM_32")
    ]
    made = join(sources, "wav")
    assert made.report.not_carried == ("PCM_32.wav: 32-bit samples (all of it gets 32-bit float)",)


@pytest.mark.parametrize("asked", [{"tags": {"Artist": "Both"}}, {"tags": {"artist": ""}}, {"strip_tags": True}])
def test_nothing_is_told_of_tags_that_are_as_they_were_asked_for(
    tmp_path: Path, join: Join, asked: dict[str, object]
) -> None:
    sources = [encoded(tmp_path, f"{name}.flac", "-metadata", f"artist={name}") for name in ("Ann", "Bob")]
    made = join(sources, "flac", **asked)
    assert made.report.not_carried == ()


def test_of_each_source_its_length_and_title_are_told(tmp_path: Path, two: list[Path], join: Join) -> None:
    titled = encoded(tmp_path, "3.flac", "-metadata", "title=Drei", "-metadata", "artist=Ann", samples=music(0.5))
    made = join([*two, titled], "flac")
    assert [each.duration for each in made.report.sources] == [1.3, 0.9, 0.5]
    assert [dict(each.tags) for each in made.report.sources] == [{}, {}, {"title": "Drei"}]


def test_one_damaged_source_fails_all_unless_it_is_salvaged(tmp_path: Path, two: list[Path], join: Join) -> None:
    broken = encoded(tmp_path, "broken.flac", samples=music(2.0))
    broken.write_bytes(broken.read_bytes()[:-50_000])
    with pytest.raises(ConversionError, match=r"^“broken\.flac”: .* damaged") as refused:
        join([two[0], broken], "flac")
    assert refused.value.failure.code is FailureCode.DAMAGED_INPUT
    made = join([two[0], broken, two[1]], "mka", on_damage="salvage")
    assert made.report.not_carried[0].startswith("broken.flac: sound after 0:01")
    assert np.array_equal(decoded(made.path)[-len(decoded(two[1])) :], decoded(two[1]))


def test_together_they_are_no_longer_than_one_may_be(two: list[Path], join: Join) -> None:
    with pytest.raises(ConversionError, match="Together the files hold more than the 0:02") as refused:
        join(two, "wav", Limits(decoded=timedelta(seconds=2)))
    assert refused.value.failure.code is FailureCode.TOO_LONG


def test_the_common_form_is_the_greatest_of_each() -> None:
    cd = Sound("pcm_s16le", 44_100, 2, "stereo", "s16", 16)
    studio = Sound("flac", 96_000, 1, "mono", "s32", 24)
    film = Sound("ac3", 48_000, 6, "5.1(side)", "fltp")
    assert common_sound([cd, studio, film]) == Sound("flac", 96_000, 6, "5.1(side)", "s32", 24)
    assert common_sound([cd]) == cd
