"""Options that change the sound or its tags: exact to the sample, judged by numbers and by tools that are not ours."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import mutagen
import numpy as np
import pytest

from soundmill.engine.conversion.survey import Surveyed, settle
from soundmill.engine.conversion.verify import check_edited
from soundmill.engine.shaping.edit import Edits
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.options import ConversionOptions
from soundmill.model.sound import Loudness
from tests.engine.conftest import Convert
from tests.sounds import RATE, Samples, chapters, decoded, encoded, ffmpeg, music, probed, tones, write

_LSB = 1 / (1 << 15)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write(tmp_path / "song.wav", music(4.0))


def loudness_of(path: Path) -> tuple[float, float]:
    """Integrated loudness in LUFS and true peak in dBTP, as the machine's ffmpeg says them."""
    command: list[str | Path] = ["ffmpeg", "-nostdin", "-i", path, "-af", "ebur128=peak=true", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stderr
    summary = said[said.rindex("Summary:") :]
    integrated, peak = (re.search(rf"{name}:\s+(-?[\d.]+)", summary) for name in ("I", "Peak"))
    assert integrated is not None
    assert peak is not None
    return float(integrated[1]), float(peak[1])


def spiky(seconds: float = 8.0) -> Samples:
    """Quiet music with loud clicks: gain alone can't make it loud."""
    out = 0.05 * music(seconds)
    out[:: RATE // 2] = 0.9
    return out


def packet_sizes(path: Path) -> set[int]:
    """In bytes, as ffprobe says them, but for the first ones, where an encoder has not heard anything yet, and the last."""
    command: list[str | Path] = ["ffprobe", "-v", "error", "-show_entries", "packet=size", "-of", "csv=p=0", path]
    sizes = [
        int(line.strip(","))
        for line in subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    ]
    return set(sizes[10:-10])


@pytest.mark.parametrize("to", ["mp3", "opus", "webm"])
def test_a_bit_rate_is_constant_or_a_mean(tmp_path: Path, convert: Convert, to: str) -> None:
    changing = np.concatenate([0.5 * music(4.0), tones([440.0, 440.0], 4.0), 0.001 * music(4.0)])
    source = write(tmp_path / "changing.wav", changing)
    constant = convert(source, to, bit_rate=128_000, bit_rate_mode="constant")
    # 417 bytes of MP3 at 44.1 kHz, or 418 where a frame is padded (ISO/IEC 11172-3, section 2.4.3.1); 20 ms of Opus.
    assert packet_sizes(constant.path) == ({417, 418} if to == "mp3" else {320})
    variable = convert(source, to, bit_rate=128_000, bit_rate_mode="variable")
    sizes = packet_sizes(variable.path)
    assert max(sizes) > 1.2 * min(sizes)
    assert variable.report.result.bit_rate == pytest.approx(128_000, rel=0.3)
    said = [made.report.settings["bitRateMode"] for made in (constant, variable, convert(source, to))]
    assert said == ["constant", "variable", "constant" if to == "mp3" else "variable"]


@pytest.mark.parametrize("bit_rate", [24_000, 48_000, 64_000, 192_000, 320_000])
def test_a_container_adds_little_to_a_bit_rate(tmp_path: Path, convert: Convert, bit_rate: int) -> None:
    seconds = 20
    made = convert(write(tmp_path / "a.wav", music(seconds)), "wma", bit_rate=bit_rate)
    assert made.path.stat().st_size * 8 / seconds < 1.25 * bit_rate


@pytest.mark.parametrize("to", ["wav", "flac", "alac"])
@pytest.mark.parametrize(("start", "end"), [(0.0, 1.5), (1.2345, None), (0.5, 3.000_01), (3.9, 99.0)])
def test_a_cut_is_exact_and_leaves_the_samples_alone(
    song: Path, convert: Convert, to: str, start: float, end: float | None
) -> None:
    made = convert(song, to, trim_start=start, trim_end=end)
    wanted = decoded(song)[round(start * RATE) : None if end is None else round(end * RATE)]
    assert np.array_equal(decoded(made.path), wanted)
    assert made.report.result.sample_count == len(wanted)
    assert made.report.source.sample_count == 4 * RATE
    assert made.report.not_carried == (("an end at 99 s (the sound ends at 4.000 s)",) if end == 99 else ())


@pytest.mark.parametrize("to", ["mp3", "ogg", "opus", "m4a"])
def test_a_cut_of_a_copyable_source_is_encoded_anew(song: Path, convert: Convert, to: str) -> None:
    copyable = convert(song, to).path
    made = convert(copyable, to, trim_start=1.0, trim_end=2.5)
    assert made.report.result.duration == pytest.approx(1.5, abs=1 / RATE)


def test_a_cut_behind_the_end_is_refused(song: Path, convert: Convert) -> None:
    with pytest.raises(ConversionError, match=r"Nothing is left .* ends at 4\.000 s") as refused:
        convert(song, "wav", trim_start=4.0)
    assert refused.value.failure.code is FailureCode.UNSUITABLE_OPTIONS


def test_damage_behind_a_cut_is_still_found(tmp_path: Path, convert: Convert) -> None:
    whole = encoded(tmp_path, "a.flac", samples=music(4.0))
    whole.write_bytes(whole.read_bytes()[:-20_000])
    with pytest.raises(ConversionError) as refused:
        convert(whole, "wav", trim_end=1.0)
    assert refused.value.failure.code is FailureCode.DAMAGED_INPUT


def with_silence(before: float, after: float, level: float = 0.0) -> Samples:
    """Two seconds that are loud in each sample, between noise of ``level`` (as a peak)."""
    noise = np.random.default_rng(3).uniform(-level, level, (round((before + 2 + after) * RATE), 2))
    begin = round(before * RATE)
    noise[begin : begin + 2 * RATE] = 0.4 * np.where(np.arange(2 * RATE) // 50 % 2, 1, -1)[:, None]
    return noise


@pytest.mark.parametrize("to", ["flac", pytest.param("wav", marks=pytest.mark.slow)])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
def test_silence_at_the_ends_goes_to_the_sample(tmp_path: Path, convert: Convert, to: str, subtype: str) -> None:
    source = write(
        tmp_path / "a.wav", with_silence(0.731, 1.177, 0.0 if subtype == "PCM_U8" else 0.0009), subtype=subtype
    )
    made = convert(source, to, trim_silence=True)
    assert made.report.result.sample_count == 2 * RATE
    begin = round(0.731 * RATE)
    assert np.allclose(decoded(made.path), decoded(source)[begin : begin + 2 * RATE], atol=2 * _LSB)


@pytest.mark.parametrize(
    "to", ["mp3", *(pytest.param(each, marks=pytest.mark.slow) for each in ("ogg", "opus", "m4a", "flac"))]
)
def test_silence_is_cut_off_a_copyable_source_too(tmp_path: Path, convert: Convert, to: str) -> None:
    copyable = convert(write(tmp_path / "a.wav", with_silence(0.5, 0.5)), to).path
    made = convert(copyable, to, trim_silence=True)
    assert made.report.result.duration == pytest.approx(2, abs=0.1)  # pre-echo of the coder is sound, too


@pytest.mark.parametrize(
    ("before", "after", "options", "length"),
    [
        (0.05, 0.3, {}, 2.05),
        (0.3, 0.05, {}, 2.05),
        (0.05, 0.05, {}, 2.1),
        (0.05, 0.05, {"shortest_silence": 0.0}, 2.0),
        (0.5, 3.0, {"shortest_silence": 1.0}, 2.5),
        (0.5, 0.5, {"silence_threshold": -66.0}, 3.0),
        (0.5, 0.5, {"silence_threshold": -64.0}, 2.0),
    ],
)
def test_only_silence_that_is_quiet_and_long_enough_goes(
    tmp_path: Path, convert: Convert, before: float, after: float, options: dict[str, float], length: float
) -> None:
    source = write(tmp_path / "a.wav", with_silence(before, after, 10 ** (-65 / 20)), subtype="FLOAT")
    made = convert(source, "wav", trim_silence=True, **options)
    assert made.report.result.sample_count == pytest.approx(length * RATE, abs=1)


def test_a_pause_in_the_middle_and_one_channel_that_sounds_stay(tmp_path: Path, convert: Convert) -> None:
    sound = np.zeros((4 * RATE, 2))
    sound[RATE, 0] = sound[3 * RATE - 1, 1] = -0.5
    made = convert(write(tmp_path / "a.wav", sound), "wav", trim_silence=True)
    assert np.array_equal(decoded(made.path), decoded(tmp_path / "a.wav")[RATE : 3 * RATE])


def test_silence_is_looked_for_after_the_cut_and_before_everything_else(tmp_path: Path, convert: Convert) -> None:
    sound = with_silence(1.0, 1.0)
    sound[:100] = 0.4  # a click that the cut takes away
    source = write(tmp_path / "a.wav", sound)
    made = convert(
        source,
        "flac",
        trim_silence=True,
        trim_start=0.5,
        trim_end=3.5,
        gain=-50.0,
        tempo=2.0,
        fade_in=0.5,
        fade_out=0.5,
    )
    assert made.report.result.sample_count == RATE


def test_of_silence_alone_nothing_is_left(tmp_path: Path, convert: Convert) -> None:
    with pytest.raises(ConversionError, match="all of it is quieter than -60 dBFS") as refused:
        convert(write(tmp_path / "a.wav", np.zeros((RATE, 2))), "mp3", trim_silence=True)
    assert refused.value.failure.code is FailureCode.UNSUITABLE_OPTIONS


def test_chapters_move_with_the_silence_that_goes(tmp_path: Path, convert: Convert) -> None:
    made = convert(with_chapters(tmp_path, with_silence(1.5, 0.5)), "mka", trim_silence=True)
    assert shown_chapters(made.path) == [(0.0, "P1"), (0.5, "P2"), (1.5, "P3")]


def test_fades_rise_and_fall_as_a_straight_line(tmp_path: Path, convert: Convert) -> None:
    steady = np.full((4 * RATE, 1), 0.5)
    source = write(tmp_path / "a.wav", steady, subtype="FLOAT")
    heard = decoded(convert(source, "wav", fade_in=1.0, fade_out=2.0).path, 1)[:, 0]
    assert len(heard) == 4 * RATE
    wanted = 0.5 * np.minimum(1, np.minimum(np.arange(4 * RATE) / RATE, (4 * RATE - np.arange(4 * RATE)) / (2 * RATE)))
    assert np.max(np.abs(heard - wanted)) < 1e-4


def test_a_fade_out_ends_where_a_cut_ends(song: Path, convert: Convert) -> None:
    heard = decoded(convert(song, "flac", trim_end=2.0, fade_out=0.5).path)
    assert len(heard) == 2 * RATE
    assert np.max(np.abs(heard[-2:])) < 3 * _LSB
    assert np.max(np.abs(heard[:RATE] - decoded(song)[:RATE])) <= 2.1 * _LSB  # dithered


def test_gain_multiplies_and_dithers(song: Path, convert: Convert) -> None:
    made = convert(song, "wav", gain=-6.0)
    off = decoded(made.path) - decoded(song) * 10 ** (-6 / 20)
    assert np.max(np.abs(off)) <= 2.1 * _LSB
    assert abs(np.mean(off)) < 0.02 * _LSB
    assert made.report.not_carried == ()


@pytest.mark.parametrize("asked", [{"gain": 6.0}, {"gain": -3.5}, {"fade_in": 0.5}, {"trim_end": 1.0}])
def test_what_is_above_full_scale_after_the_edits_is_told(
    tmp_path: Path, convert: Convert, asked: dict[str, float]
) -> None:
    source = write(tmp_path / "a.wav", music(2.0) * 1.8, subtype="FLOAT")
    above = int(np.count_nonzero(np.abs(decoded(convert(source, "wav", **asked).path)) > 1))
    assert (above > 0) is (asked != {"gain": -3.5})
    told = convert(source, "flac", **asked).report.not_carried
    assert [each for each in told if "full scale" in each] == (
        [f"{above} samples above full scale (cut off at it)"] if above else []
    )


@pytest.mark.parametrize("tempo", [0.5, 0.77, 1.25, 2.0])
def test_tempo_changes_the_length_exactly_and_not_the_pitch(tmp_path: Path, convert: Convert, tempo: float) -> None:
    source = write(tmp_path / "a.wav", tones([1000.0], 3.0))
    heard = decoded(convert(source, "flac", tempo=tempo).path, 1)[:, 0]
    assert len(heard) == round(3 * RATE / tempo)
    middle = heard[len(heard) // 4 : -len(heard) // 4]
    loudest = np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle))))) * RATE / len(middle)
    assert loudest == pytest.approx(1000, abs=3)


@pytest.mark.parametrize(
    ("rate", "samples", "to_rate"),
    [(8000, 50, 48_000), (8000, 1, 44_100), (44_100, 100, 8000), (192_000, 400, 8000), (22_050, 129, 44_056)],
)
def test_sounds_shorter_than_a_resamplers_filter_keep_their_length(
    tmp_path: Path, convert: Convert, rate: int, samples: int, to_rate: int
) -> None:
    source = write(tmp_path / "a.wav", np.full((samples, 2), 0.5), rate)
    made = convert(source, "wav", sample_rate=to_rate)
    assert made.report.result.sample_count == pytest.approx(samples * to_rate / rate, abs=1)
    assert np.max(decoded(made.path, rate=to_rate)) > 0.4


@pytest.mark.parametrize("name", ["a.wav", "a.ogg", "a.mp3"])
def test_eight_bits_are_dithered_whatever_they_are_made_of(tmp_path: Path, convert: Convert, name: str) -> None:
    below_a_step = tones([500.0, 500.0], 2.0) / 128
    source = encoded(tmp_path, name, "-b:a", "192k", samples=below_a_step)
    heard = decoded(convert(source, "wav", bit_depth=8).path)[:, 0]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert spectrum[999:1002].max() > 40 * np.median(spectrum)


@pytest.mark.parametrize("seconds", [0.01, 0.1, 1.0])
def test_tempo_keeps_the_end_of_a_sound_and_sounds_that_are_short(
    tmp_path: Path, convert: Convert, seconds: float
) -> None:
    source = write(tmp_path / "a.wav", tones([1000.0], seconds))
    for tempo in (0.5, 2.0):
        heard = decoded(convert(source, "wav", tempo=tempo).path, 1)[:, 0]
        assert len(heard) == round(seconds * RATE / tempo)
        loud = np.flatnonzero(np.abs(heard) > 0.1)
        assert len(heard) - loud[-1] < 0.012 * RATE


def test_a_loudness_at_another_tempo_is_measured_without_what_is_behind_the_sound(
    tmp_path: Path, convert: Convert
) -> None:
    made = convert(write(tmp_path / "a.wav", music(0.6)), "wav", tempo=1.4, loudness=-20.0)
    assert made.report.result.sample_count == round(0.6 * RATE / 1.4)
    assert loudness_of(made.path)[0] == pytest.approx(-20, abs=0.1)


@pytest.mark.parametrize("target", [-23.0, -16.0])
@pytest.mark.parametrize("to", ["flac", "mp3", "opus"])
def test_a_loudness_is_reached_by_gain_alone_where_the_peaks_allow(
    song: Path, convert: Convert, to: str, target: float
) -> None:
    made = convert(song, to, loudness=target)
    integrated, _ = loudness_of(made.path)
    # LAME takes a quarter of a decibel away at constant bit rates (its presets' "scale").
    assert integrated == pytest.approx(target, abs=0.4 if to == "mp3" else 0.2)
    told = made.report.result.loudness
    assert told is not None
    assert told.integrated == pytest.approx(integrated, abs=0.2)
    if to == "flac":
        heard, before = decoded(made.path), decoded(song)
        factor = np.sum(heard * before) / np.sum(before**2)
        assert np.max(np.abs(heard - factor * before)) < 2.5 * _LSB


def test_a_limiter_holds_the_true_peak_where_gain_would_break_it(tmp_path: Path, convert: Convert) -> None:
    source = write(tmp_path / "a.wav", spiky())
    made = convert(source, "flac", loudness=-20.0, true_peak=-2.0)
    integrated, peak = loudness_of(made.path)
    assert integrated == pytest.approx(-20, abs=0.5)
    assert peak <= -1.9
    assert made.report.result.sample_count == 8 * RATE


def test_channels_are_mixed_before_their_loudness_is_set(tmp_path: Path, convert: Convert) -> None:
    alike = np.repeat(music(3.0, 48_000, 1), 6, axis=1)
    source = write(tmp_path / "a.wav", alike, 48_000)
    made = convert(source, "flac", channels=2, loudness=-16.0, true_peak=-6.0)
    integrated, peak = loudness_of(made.path)
    assert integrated == pytest.approx(-16, abs=0.3)
    assert peak <= -5.9


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_mix_into_fewer_channels_never_clips(tmp_path: Path, convert: Convert, subtype: str) -> None:
    source = write(tmp_path / "a.wav", np.repeat(music(1.0, 48_000, 1), 6, axis=1), 48_000, subtype)
    plain, faded = (decoded(convert(source, "wav", channels=2, **o).path, 2, 48_000) for o in ({}, {"fade_out": 0.1}))
    assert np.max(np.abs(plain)) < 0.9
    assert np.max(np.abs(plain[:40_000] - faded[:40_000])) <= 2.1 * _LSB


def test_a_loudness_that_the_peaks_forbid_is_told(tmp_path: Path, convert: Convert) -> None:
    made = convert(write(tmp_path / "a.wav", music(2.0)), "flac", loudness=-5.0, true_peak=-9.0)
    assert [each.partition(" (")[0] for each in made.report.not_carried] == ["loudness -5 LUFS"]
    assert loudness_of(made.path)[1] <= -8.9


def test_a_loudness_that_fades_take_away_is_told_as_that(tmp_path: Path, convert: Convert) -> None:
    made = convert(write(tmp_path / "a.wav", music(2.0)), "flac", loudness=-20.0, fade_out=2.0)
    (told,) = made.report.not_carried
    assert told.startswith("loudness -20 LUFS (with these fades and this true peak it is -2")


def test_a_true_peak_that_an_encoder_moves_is_told(tmp_path: Path, convert: Convert) -> None:
    source = write(tmp_path / "a.wav", music(4.0))
    lossy, lossless = (convert(source, to, loudness=-11.0, true_peak=-6.0).report for to in ("opus", "flac"))
    assert lossy.result.loudness is not None
    assert lossy.result.loudness.true_peak > -5.7
    assert [each.partition(" (")[0] for each in lossy.not_carried] == ["true peak -6 dBTP"]
    assert lossless.not_carried == ()


def test_silence_has_no_loudness_and_stays_silent(tmp_path: Path, convert: Convert) -> None:
    source = write(tmp_path / "a.wav", np.zeros((RATE, 2)))
    made = convert(source, "wav", loudness=-16.0)
    assert made.report.result.loudness is None
    assert [each.partition(" (")[0] for each in made.report.not_carried] == ["loudness -16 LUFS"]
    assert np.max(np.abs(decoded(made.path))) <= 2.1 * _LSB


def test_measured_loudness_is_what_ffmpeg_says_and_leaves_a_copy_a_copy(song: Path, convert: Convert) -> None:
    mp3 = convert(song, "mp3").path
    made = convert(mp3, "mp3", measure_loudness=True)
    assert np.array_equal(decoded(made.path), decoded(mp3))
    integrated, peak = loudness_of(mp3)
    for told in (made.report.source.loudness, made.report.result.loudness):
        assert told is not None
        assert told.integrated == pytest.approx(integrated, abs=0.2)
        assert told.true_peak == pytest.approx(peak, abs=0.2)
    assert convert(mp3, "mp3").report.source.loudness is None


def test_tags_are_set_and_removed_also_in_a_copy(tmp_path: Path, convert: Convert) -> None:
    tagged = encoded(tmp_path, "a.flac", "-metadata", "title=Old", "-metadata", "artist=Ann", "-metadata", "genre=Jazz")
    for to in ("flac", "ogg"):
        made = convert(tagged, to, tags={"title": "Neu", "artist": ""})
        song = mutagen.File(made.path)
        assert (song.get("title"), song.get("artist"), song.get("genre")) == (["Neu"], None, ["Jazz"])
        assert made.report.source.tags["title"] == "Old"


@pytest.mark.parametrize("to", ["flac", "ogg", "mp3", "m4a", "wma", "mka"])
def test_stripped_tags_leave_only_those_that_were_given(tmp_path: Path, convert: Convert, to: str) -> None:
    extension = {"ogg": "ogg", "mp3": "mp3", "m4a": "m4a", "wma": "wma"}.get(to, "flac")  # copied where that can be
    tagged = encoded(tmp_path, f"a.{extension}", "-metadata", "title=Old", "-metadata", "artist=Secret")
    made = convert(tagged, to, strip_tags=True, tags={"album": "New"})
    assert b"Secret" not in made.path.read_bytes()
    assert "Secret".encode("utf-16-le") not in made.path.read_bytes()
    assert made.report.result.tags == {"album": "New"}
    assert made.report.not_carried == ()


def with_chapters(tmp_path: Path, samples: Samples) -> Path:
    """A Matroska file with a chapter a second, P0 to P3."""
    listed = tmp_path / "chapters.txt"
    parts = "".join(
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={n * 1000}\nEND={n * 1000 + 1000}\ntitle=P{n}\n" for n in range(4)
    )
    listed.write_text(f";FFMETADATA1\n{parts}")
    plain = encoded(tmp_path, "plain.flac", samples=samples)
    source = tmp_path / "a.mka"
    ffmpeg("-i", plain, "-i", listed, "-map_metadata", "1", "-c", "copy", source)
    return source


def shown_chapters(path: Path) -> list[tuple[float, str]]:
    """When each begins, and its title, as ffprobe says them."""
    return [(float(each["start_time"]), each["tags"]["title"]) for each in chapters(path)]


def test_chapters_move_with_the_sound(tmp_path: Path, convert: Convert) -> None:
    made = convert(with_chapters(tmp_path, music(4.0)), "mka", trim_start=1.5, trim_end=3.0, tempo=0.5)
    assert shown_chapters(made.path) == [(0.0, "P1"), (1.0, "P2")]
    assert made.report.not_carried == ()


def test_one_of_several_sounds_is_taken(tmp_path: Path, convert: Convert) -> None:
    one, other = write(tmp_path / "1.wav", tones([400.0])), write(tmp_path / "2.wav", tones([700.0], 2.0))
    film = tmp_path / "film.mka"
    ffmpeg("-i", one, "-i", other, "-map", "0:a", "-map", "1:a", "-c:a", "flac", film)
    assert np.array_equal(decoded(convert(film, "wav", audio_stream=1).path, 1), decoded(other, 1))
    assert np.array_equal(decoded(convert(film, "flac", audio_stream=0).path, 1), decoded(one, 1))
    with pytest.raises(ConversionError, match="has 2, counted from 0") as refused:
        convert(film, "wav", audio_stream=2)
    assert refused.value.failure.code is FailureCode.UNSUITABLE_OPTIONS


def test_everything_at_once_has_the_length_that_follows(song: Path, convert: Convert) -> None:
    made = convert(
        song,
        "mp3",
        trim_start=0.5,
        trim_end=3.5,
        tempo=1.5,
        fade_in=0.2,
        fade_out=0.2,
        loudness=-18.0,
        sample_rate=48_000,
    )
    assert probed(made.path, "sample_rate")["sample_rate"] == "48000"
    assert made.report.result.sample_count == 2 * 48_000


def test_samples_that_do_not_follow_from_the_options_fail() -> None:
    check_edited(1000, 1000)
    with pytest.raises(ConversionError) as refused:
        check_edited(1000, 999)
    assert refused.value.failure.code is FailureCode.VERIFICATION_FAILED


@pytest.mark.parametrize(("peak", "gain", "limit"), [(-12.0, 7.0, None), (-8.0, 7.0, None), (-7.9, 7.5, -1.0)])
def test_what_to_do_for_a_loudness(peak: float, gain: float, limit: float | None) -> None:
    def measure(edits: Edits) -> Surveyed:
        after = -23.0 if edits.limit is None else -16.5 if edits.gain == 7.0 else -16.0
        return Surveyed(1000, Loudness(after, 5.0, peak))

    settled = settle(Edits(RATE), ConversionOptions(loudness=-16.0), measure)
    assert (settled.gain, settled.limit, settled.source_samples) == (gain, limit, 1000)


@pytest.mark.parametrize("name", ["a.m4a", "a.flac"])
def test_silence_is_cut_off_eight_channels(tmp_path: Path, convert: Convert, name: str) -> None:
    sound = np.zeros((3 * RATE, 8))
    sound[RATE : 2 * RATE] = np.tile(music(1.0), (1, 4))
    source = encoded(tmp_path, name, "-channel_layout", "7.1", samples=sound)
    made = convert(source, "wav", trim_silence=True)
    assert made.report.result.channels == 8
    assert made.report.result.duration == pytest.approx(1.0, abs=0.1)
