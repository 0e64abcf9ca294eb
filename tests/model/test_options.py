"""Options are understood or refused before any work starts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.model.errors import FieldError, InvalidOptions, UnknownFormat
from soundmill.model.formats import FORMATS, target_format
from soundmill.model.options import OPTION_NAMES, ConversionOptions, as_joined, parse_options


@pytest.mark.parametrize("name", ["mp3", "MP3", " .Mp3 ", ".mp3"])
def test_case_blanks_and_one_dot_are_ignored(name: str) -> None:
    assert target_format(name) is FORMATS["mp3"]


@pytest.mark.parametrize("name", ["", "exe", "mp3; rm -rf /", "..mp3", "x" * 10_000])
def test_an_unknown_format_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownFormat, match="It writes: mp3, wav"):
        target_format(name)


@pytest.mark.parametrize(
    ("format_name", "options", "parsed"),
    [
        ("mp3", {}, ConversionOptions()),
        ("mp3", {"bitRate": "192k"}, ConversionOptions(bit_rate=192_000)),
        ("mp3", {"bitRateMode": "Variable"}, ConversionOptions(bit_rate_mode="variable")),
        ("mp3", {"bitRateMode": "variable", "quality": 2}, ConversionOptions(bit_rate_mode="variable", quality=2)),
        (
            "opus",
            {"bitRateMode": "constant", "preset": "low"},
            ConversionOptions(bit_rate_mode="constant", preset="low"),
        ),
        ("wma", {"bitRateMode": "constant"}, ConversionOptions(bit_rate_mode="constant")),
        ("mp3", {"preset": "High"}, ConversionOptions(preset="high")),
        ("flac", {"preset": "low"}, ConversionOptions(preset="low")),
        ("mp3", {"bitRate": 320_000, "channels": "1"}, ConversionOptions(bit_rate=320_000, channels=1)),
        ("mp3", {"quality": "0"}, ConversionOptions(quality=0.0)),
        ("mp3", {"bitRate": "", "quality": None}, ConversionOptions()),
        ("wav", {"bitDepth": 24, "sampleRate": "44.1k"}, ConversionOptions(bit_depth=24, sample_rate=44_100)),
        ("aac", {"bitRate": "64.1k"}, ConversionOptions(bit_rate=64_100)),
        ("ogg", {"quality": 6.5}, ConversionOptions(quality=6.5)),
        ("ogg", {"trimStart": "1.5", "trimEnd": 3}, ConversionOptions(trim_start=1.5, trim_end=3.0)),
        ("ogg", {"loudness": "-16", "truePeak": -2}, ConversionOptions(loudness=-16.0, true_peak=-2.0)),
        ("ogg", {"stripTags": "true", "measureLoudness": False}, ConversionOptions(strip_tags=True)),
        ("ogg", {"tags": '{"Title": "A", "comment": ""}'}, ConversionOptions(tags={"title": "A", "comment": ""})),
        ("ogg", {"audioStream": "1"}, ConversionOptions(audio_stream=1)),
        (
            "ogg",
            {"trimSilence": "on", "silenceThreshold": -50},
            ConversionOptions(trim_silence=True, silence_threshold=-50),
        ),
        ("ogg", {"split": "silence", "shortestSilence": 2}, ConversionOptions(split="silence", shortest_silence=2)),
        ("ogg", {"onDamage": " Salvage"}, ConversionOptions(on_damage="salvage")),
        ("ogg", {"join": "true", "channels": 1, "split": "no"}, ConversionOptions(join=True, channels=1, split="no")),
    ],
)
def test_good_options(format_name: str, options: dict[str, Any], parsed: ConversionOptions) -> None:
    assert parse_options(FORMATS[format_name], options) == parsed


@pytest.mark.parametrize(
    ("format_name", "options", "fields"),
    [
        ("mp3", {"bitRate": 192}, ["bitRate"]),
        ("mp3", {"bitRate": 320_000, "sampleRate": 22_050}, ["bitRate"]),
        ("mp3", {"bitRate": 8_000, "sampleRate": 44_100}, ["bitRate"]),
        ("opus", {"bitRate": 300_000, "channels": 1}, ["bitRate"]),
        ("m4a", {"bitRate": 256_000, "sampleRate": 8_000, "channels": 2}, ["bitRate"]),
        ("mp3", {"bitRate": "fast"}, ["bitRate"]),
        ("mp3", {"bitRateMode": "average"}, ["bitRateMode"]),
        ("mp3", {"bitRateMode": "constant", "quality": 2}, ["bitRateMode"]),
        ("mp3", {"bitRateMode": "constant", "preset": "high"}, ["bitRateMode"]),
        ("ogg", {"bitRateMode": "constant"}, ["bitRateMode"]),
        ("m4a", {"bitRateMode": "constant"}, ["bitRateMode"]),
        ("wma", {"bitRateMode": "variable"}, ["bitRateMode"]),
        ("flac", {"bitRateMode": "variable"}, ["bitRateMode"]),
        ("mp3", {"preset": "loud"}, ["preset"]),
        ("mp3", {"preset": "low", "bitRate": 128_000}, ["preset"]),
        ("ogg", {"preset": "automatic", "quality": 3}, ["preset"]),
        ("mp3", {"onDamage": "repair"}, ["onDamage"]),
        ("mp3", {"split": "tracks"}, ["split"]),
        ("mp3", {"split": "cue", "cueSheet": "TRACK 01 AUDIO"}, ["cueSheet"]),
        ("mp3", {"split": "chapters", "cueSheet": "TRACK 01 AUDIO\nINDEX 01 00:00:00"}, ["cueSheet"]),
        ("mp3", {"trimSilence": "-60"}, ["trimSilence"]),
        (
            "mp3",
            {"trimSilence": True, "silenceThreshold": 0, "shortestSilence": 61},
            ["silenceThreshold", "shortestSilence"],
        ),
        ("mp3", {"silenceThreshold": -60, "shortestSilence": 1}, ["silenceThreshold", "shortestSilence"]),
        ("mp3", {"bitRate": True}, ["bitRate"]),
        ("mp3", {"bitRate": "nan"}, ["bitRate"]),
        ("mp3", {"bitRate": "inf"}, ["bitRate"]),
        ("mp3", {"quality": "nan"}, ["quality"]),
        ("mp3", {"bitRate": 128_000, "quality": 2}, ["quality"]),
        ("mp3", {"sampleRate": 96_000}, ["sampleRate"]),
        ("mp3", {"channels": 6}, ["channels"]),
        ("mp3", {"bitDepth": 16}, ["bitDepth"]),
        ("mp3", {"volume": 3}, ["volume"]),
        ("mp3", {"loudness": -4}, ["loudness"]),
        ("mp3", {"loudness": "nan"}, ["loudness"]),
        ("mp3", {"loudness": -14, "gain": 3}, ["gain"]),
        ("mp3", {"truePeak": -1}, ["truePeak"]),
        ("mp3", {"trimStart": 2, "trimEnd": 2}, ["trimEnd"]),
        ("mp3", {"trimStart": -1, "tempo": 3}, ["trimStart", "tempo"]),
        ("mp3", {"audioStream": 1.5}, ["audioStream"]),
        ("mp3", {"stripTags": "maybe"}, ["stripTags"]),
        ("mp3", {"tags": "title"}, ["tags"]),
        ("mp3", {"tags": {"title": 3}}, ["tags"]),
        ("mp3", {"tags": {"a=b": "c"}}, ["tags"]),
        ("mp3", {"tags": {"title": "\0"}}, ["tags"]),
        ("mp3", {"tags": {"title": "A", "Title ": "B"}}, ["tags"]),
        ("mp3", {"tags": '{"title": "A", "title": "B"}'}, ["tags"]),
        ("mp3", {"bitRate": "64.0001k"}, ["bitRate"]),
        ("wav", {"bitRate": 128_000}, ["bitRate"]),
        ("flac", {"bitDepth": 32, "channels": 0}, ["channels", "bitDepth"]),
        ("flac", {"sampleRate": -1}, ["sampleRate"]),
        ("ogg", {"bitRate": 128_000}, ["bitRate"]),
        ("opus", {"sampleRate": 44_100}, ["sampleRate"]),
        ("mp3", {"join": "perhaps"}, ["join"]),
        (
            "mp3",
            {"join": True, "trimStart": 1, "audioStream": 0, "split": "cue"},
            ["trimStart", "audioStream", "split"],
        ),
        ("mp3", {"join": True, "trimSilence": True, "measureLoudness": True}, ["trimSilence", "measureLoudness"]),
    ],
)
def test_bad_options_name_their_fields(format_name: str, options: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(InvalidOptions) as refused:
        parse_options(FORMATS[format_name], options)
    assert [each.field for each in refused.value.fields] == fields
    assert all(each.message for each in refused.value.fields)


def test_what_is_joined_stays_joined_or_says_why_it_can_not() -> None:
    assert as_joined(FORMATS["mp3"], ConversionOptions(bit_rate=128_000)) == ConversionOptions(
        bit_rate=128_000, join=True
    )
    with pytest.raises(InvalidOptions, match="gain: It is about one source"):
        as_joined(FORMATS["mp3"], ConversionOptions(gain=1.0))


@given(
    st.sampled_from(sorted(FORMATS)),
    st.dictionaries(
        st.sampled_from([*OPTION_NAMES, "other"]),
        st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.integers())),
        max_size=4,
    ),
)
def test_options_are_understood_or_refused_and_nothing_else(format_name: str, options: dict[str, Any]) -> None:
    target = FORMATS[format_name]
    refused: tuple[FieldError, ...] = ()
    try:
        parsed = parse_options(target, options)
    except InvalidOptions as error:
        refused = error.fields
    assert refused or parse_options(target, parsed.as_dict()) == parsed
