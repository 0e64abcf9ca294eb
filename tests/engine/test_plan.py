"""Plans are values: what is decided is asserted exactly."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.engine import Job
from soundmill.engine.conversion.convert import convert
from soundmill.engine.plan import Plan, Sound, make_plan
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.formats import FORMATS, PRESETS, TargetFormat
from soundmill.model.options import ConversionOptions
from tests.sounds import RATE, music, write

CD = Sound("pcm_s16le", 44_100, 2, "stereo", "s16")
STUDIO = Sound("flac", 96_000, 2, "stereo", "s32", 24)
FLOAT = Sound("pcm_f32le", 48_000, 2, "stereo", "flt")
LOSSY = Sound("mp3", 44_100, 2, "stereo", "fltp")
SURROUND = Sound("pcm_s24le", 48_000, 6, "5.1(side)", "s32", 24)
FASTSTART = (("movflags", "+faststart"),)


def plan(sound: Sound, name: str, **options: object) -> Plan:
    return make_plan(sound, FORMATS[name], ConversionOptions(**options))  # type: ignore[arg-type]


def test_a_cd_to_mp3() -> None:
    assert plan(CD, "mp3") == Plan(
        encoder="libmp3lame",
        muxer="mp3",
        sample_rate=44_100,
        channels=2,
        channel_layout="stereo",
        sample_format="s16p",
        bit_rate=192_000,
        bit_rate_mode="constant",
        muxer_options=(("id3v2_version", "4"), ("write_xing", "1")),
        source_layout="stereo",
    )


def test_studio_sound_to_mp3_says_what_is_lost() -> None:
    made = plan(STUDIO, "mp3")
    assert (made.sample_rate, made.sample_format) == (48_000, "fltp")
    assert made.losses == ("sample rate 96000 Hz (MP3 gets 48000 Hz)",)


def test_surround_to_stereo_formats_says_what_is_lost() -> None:
    assert plan(SURROUND, "wma").losses == ("6 channels (Windows Media Audio 2 gets 2)",)
    assert plan(SURROUND, "mp3", channels=2).losses == ()


@pytest.mark.parametrize(
    ("sound", "name", "encoder", "sample_format", "raw_bits", "dither"),
    [
        (CD, "wav", "pcm_s16le", "s16", None, False),
        (CD, "flac", "flac", "s16", None, False),
        (CD, "alac", "alac", "s16p", None, False),
        (CD, "aiff", "pcm_s16be", "s16", None, False),
        (STUDIO, "wav", "pcm_s24le", "s32", 24, False),
        (STUDIO, "flac", "flac", "s32", 24, False),
        (STUDIO, "alac", "alac", "s32p", 24, False),
        (STUDIO, "aiff", "pcm_s24be", "s32", 24, False),
        (FLOAT, "wav", "pcm_f32le", "flt", None, False),
        (FLOAT, "flac", "flac", "s32", 24, True),
        (FLOAT, "aiff", "pcm_s24be", "s32", 24, True),
        (LOSSY, "wav", "pcm_s16le", "s16", None, False),
        (LOSSY, "flac", "flac", "s16", None, False),
    ],
)
def test_lossless_targets_keep_the_depth_that_they_can(
    sound: Sound, name: str, encoder: str, sample_format: str, raw_bits: int | None, dither: bool
) -> None:
    made = plan(sound, name)
    assert (made.encoder, made.sample_format, made.raw_bits, made.dither) == (encoder, sample_format, raw_bits, dither)


def test_flac_of_16_bits_gets_shorter_coefficients() -> None:
    assert plan(CD, "flac").coefficient_bits == plan(CD, "mka").coefficient_bits == 12
    assert plan(STUDIO, "flac").coefficient_bits is plan(CD, "alac").coefficient_bits is None


def test_32_bit_integers_stay_integers_in_wav() -> None:
    made = plan(Sound("pcm_s32le", 48_000, 2, "stereo", "s32", 32), "wav")
    assert (made.encoder, made.dither) == ("pcm_s32le", False)


@pytest.mark.parametrize(
    ("sound", "told"),
    [
        (FLOAT, "32-bit float"),
        (Sound("pcm_s32le", 48_000, 2, "stereo", "s32", 32), "32-bit"),
        (Sound("dsd_lsbf_planar", 352_800, 2, "stereo", "fltp"), "1-bit (DSD)"),
        (Sound("wavpack", 352_800, 2, "stereo", "fltp", 8), "1-bit (DSD)"),
    ],
)
def test_samples_that_do_not_fit_are_told_by_their_kind(sound: Sound, told: str) -> None:
    assert f"{told} samples (FLAC gets 24 bit)" in plan(sound, "flac").losses


@pytest.mark.parametrize(
    ("rate", "to", "gets"),
    [
        (705_600, "flac", 352_800),
        (768_000, "flac", 384_000),
        (1_411_200, "wav", 705_600),
        (705_600, "ogg", 176_400),
        (700_000, "flac", 655_350),
        (352_800, "flac", 352_800),
    ],
)
def test_a_rate_that_is_too_high_becomes_a_related_one(rate: int, to: str, gets: int) -> None:
    assert plan(Sound("dsd_lsbf_planar", rate, 2, "stereo", "fltp"), to).sample_rate == gets


def test_asking_for_fewer_bits_dithers_and_is_no_loss_to_report() -> None:
    made = plan(STUDIO, "wav", bit_depth=16)
    assert (made.encoder, made.dither, made.losses) == ("pcm_s16le", True, ())


def test_formats_that_hold_any_layout_keep_the_sources() -> None:
    assert plan(SURROUND, "flac").channel_layout == "5.1(side)"
    assert plan(SURROUND, "m4a").channel_layout == "5.1"


@pytest.mark.parametrize(
    ("layout", "channels", "to", "gets", "told"),
    [
        ("2.1", 3, "opus", "5.1", ()),
        ("2.1", 3, "mp3", "stereo", ("3 channels (MP3 gets 2)",)),
        ("3.1", 4, "m4a", "5.1", ()),
        ("quad(side)", 4, "alac", "5.0", ()),
        ("4.0", 4, "m4a", "4.0", ()),
        ("4.0", 4, "ogg", "6.1", ()),
        ("4.1", 5, "aac", "5.1", ("4.1 layout (AAC (ADTS) gets 5.1)",)),
        ("6.1(back)", 7, "opus", "6.1", ()),
        ("7.0", 7, "webm", "7.1", ()),
        ("7.1(wide)", 8, "ogg", "7.1", ("7.1(wide) layout (Ogg Vorbis gets 7.1)",)),
    ],
)
def test_each_speaker_gets_a_place_where_the_format_has_one(
    layout: str, channels: int, to: str, gets: str, told: tuple[str, ...]
) -> None:
    made = plan(Sound("flac", 48_000, channels, layout, "s16", 16), to)
    assert (made.channel_layout, made.losses) == (gets, told)


def test_silent_channels_get_no_bits_of_their_own() -> None:
    assert plan(Sound("flac", 48_000, 3, "2.1", "s16", 16), "opus").bit_rate == 192_000


def test_channels_that_were_asked_for_are_no_loss() -> None:
    assert plan(Sound("flac", 48_000, 1, "mono", "s16", 16), "mp3", channels=2).losses == ()
    assert plan(Sound("flac", 48_000, 3, "2.1", "s16", 16), "wav", channels=4).losses == ()


def test_opus_is_always_at_48_khz_unless_asked() -> None:
    assert plan(CD, "opus").sample_rate == 48_000
    assert plan(CD, "opus", sample_rate=16_000).sample_rate == 16_000


def test_quality_takes_the_place_of_a_bit_rate() -> None:
    assert (plan(CD, "mp3", quality=2).bit_rate, plan(CD, "mp3", quality=2).quality) == (None, 2)
    assert plan(CD, "ogg").quality == 5


@pytest.mark.parametrize("target", [each for each in FORMATS.values() if not each.lossless], ids=lambda each: each.name)
def test_presets_rise_to_the_best(target: TargetFormat) -> None:
    made = [plan(CD, target.name, preset=word) for word in PRESETS]
    rates = [each.bit_rate for each in made if each.bit_rate is not None]
    assert rates == sorted(set(rates))
    if target.quality is not None:
        steps = [abs(each.quality - target.quality.worst) for each in made if each.quality is not None]
        assert steps == sorted(set(steps))
        assert rates == []
    assert len(made) == 4
    assert plan(CD, target.name, preset="automatic") == plan(CD, target.name)


def test_presets_are_for_stereo_and_more_channels_get_more() -> None:
    surround = Sound("pcm_s16le", 48_000, 6, "5.1", "s16")
    assert plan(surround, "opus", preset="low").bit_rate == 3 * 64_000
    assert plan(surround, "flac", preset="low") == plan(surround, "flac")


def test_a_bit_rate_that_the_rate_can_not_have_is_lowered_and_said() -> None:
    made = plan(Sound("pcm_s16le", 8_000, 1, "mono", "s16"), "mp3", bit_rate=320_000)
    assert made.bit_rate == 64_000
    assert made.losses == ("320000 bit/s (MP3 at 8000 Hz gets 64000)",)


@pytest.mark.parametrize(
    ("to", "rate", "channels", "asked", "given"),
    [
        ("mp3", 44_100, 2, 100_000, 96_000),
        ("mp3", 44_100, 2, 8_000, 32_000),
        ("mp3", 22_050, 2, 8_000, 8_000),
        ("opus", 48_000, 1, 510_000, 256_000),
        ("opus", 48_000, 2, 510_000, 510_000),
        ("opus", 48_000, 6, 6_000, 24_000),
        ("opus", 48_000, 2, 6_000, 6_000),
        ("m4a", 8_000, 1, 512_000, 48_000),
        ("m4a", 48_000, 6, 32_000, 58_560),
        ("aac", 44_100, 2, 512_000, 512_000),
        ("aac", 44_100, 2, 32_000, 32_000),
    ],
)
def test_a_bit_rate_is_the_nearest_that_the_codec_has(
    to: str, rate: int, channels: int, asked: int, given: int
) -> None:
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    made = plan(Sound("pcm_s16le", rate, channels, layout, "s16"), to, bit_rate=asked)
    assert made.bit_rate == given
    assert bool(made.losses) == (asked != given)


@pytest.mark.parametrize(
    ("rate", "samples"), [(8000, 512), (16_000, 512), (22_050, 1024), (32_000, 2048), (48_000, 2048)]
)
def test_wma_gets_a_silent_tail_of_a_block(rate: int, samples: int) -> None:
    assert plan(CD, "wma", sample_rate=rate).silent_tail == samples


@given(
    name=st.sampled_from(sorted(FORMATS)),
    rate=st.integers(100, 768_000),
    channels=st.integers(1, 80),
    sample_format=st.sampled_from(["u8", "s16", "s16p", "s32", "s32p", "flt", "fltp", "dbl", "dblp"]),
    codec=st.sampled_from(["pcm_s24le", "flac", "mp3", "opus", "wavpack"]),
)
def test_every_sound_has_a_plan_that_the_format_allows(
    name: str, rate: int, channels: int, sample_format: str, codec: str
) -> None:
    target = FORMATS[name]
    sound = Sound(codec, rate, channels, f"{channels} channels", sample_format)
    is_kept = target.codec == "pcm" and channels <= 64
    if channels > 8 and target.maximum_channels > 2 and not is_kept:
        with pytest.raises(ConversionError, match=f"{channels} channels"):
            plan(sound, name)
        return
    made = plan(sound, name)
    assert 1 <= made.channels <= (channels if is_kept else target.maximum_channels)
    assert not target.sample_rates or made.sample_rate in target.sample_rates
    assert made.bit_rate is None or (target.bit_rates and made.bit_rate <= target.bit_rates.maximum)
    assert (made.sample_rate < rate) == any("sample rate" in each for each in made.losses)


def test_an_aiff_that_would_have_no_room_is_refused_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AIFF counts its bytes with 32 bits; here with fewer, since six hours of sound take long."""
    source = write(tmp_path / "a.wav", music(1.0))
    monkeypatch.setattr("soundmill.engine.plan._MOST_AIFF_BYTES", RATE * 4)
    convert(Job(source, tmp_path, FORMATS["aiff"]), lambda fraction: None)
    monkeypatch.setattr("soundmill.engine.plan._MOST_AIFF_BYTES", RATE * 4 - 4)
    with pytest.raises(ConversionError) as failed:
        convert(Job(source, tmp_path, FORMATS["aiff"]), lambda fraction: None)
    assert (failed.value.failure.code, failed.value.failure.retryable) == (FailureCode.UNSUITABLE_OPTIONS, False)
