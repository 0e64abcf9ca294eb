"""Conversion options: parsed, checked against the target format, and refused before any work starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from soundmill.model.edits import CHOICES, EDIT_RANGES, parse_flag, parse_number, parse_sheet, parse_tags
from soundmill.model.errors import FieldError, InvalidOptions
from soundmill.model.formats import CONSTANT, LOWEST_SAMPLE_RATE, TargetFormat
from soundmill.model.rates import highest_bit_rate, lowest_bit_rate


@dataclass(frozen=True, slots=True)
class ConversionOptions:
    """What the client asked for; ``None`` leaves the choice to the engine (the source's value where it fits).

    ``bit_rate`` in bits per second, ``quality`` on the format's own scale, ``sample_rate`` in hertz, ``bit_depth`` in bits.
    Those behind are the same for every target; :data:`soundmill.model.edits.EDIT_RANGES` says their units. ``tags`` maps lower-case
    names to texts, of which an empty one removes; ``strip_tags`` takes away all that the source says of itself first. ``join`` is about
    several sources, which become one result.
    """

    bit_rate: int | None = None
    bit_rate_mode: str | None = None
    quality: float | None = None
    preset: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    bit_depth: int | None = None
    trim_start: float | None = None
    trim_end: float | None = None
    trim_silence: bool | None = None
    silence_threshold: float | None = None
    shortest_silence: float | None = None
    fade_in: float | None = None
    fade_out: float | None = None
    gain: float | None = None
    loudness: float | None = None
    true_peak: float | None = None
    tempo: float | None = None
    audio_stream: int | None = None
    tags: Mapping[str, str] | None = None
    strip_tags: bool | None = None
    measure_loudness: bool | None = None
    on_damage: str | None = None
    split: str | None = None
    cue_sheet: str | None = None
    join: bool | None = None

    @property
    def changes_samples(self) -> bool:
        """True when other samples than the source's come out, and not only fewer."""
        return bool(self.fade_in or self.fade_out or self.gain or self.loudness is not None) or self.tempo not in (
            None,
            1,
        )

    @property
    def is_encoded_anew(self) -> bool:
        """True when a sound that has the target's codec already isn't to be copied."""
        is_coded_so = any(each is not None for each in (self.bit_rate, self.bit_rate_mode, self.quality))
        return is_coded_so or self.preset not in (None, "automatic")

    @property
    def is_split(self) -> bool:
        """True when the result is a ZIP of pieces."""
        return self.split not in (None, "no")

    def extension_for(self, target: TargetFormat) -> str:
        """Of the result's name, without a dot."""
        return "zip" if self.is_split else target.extension

    @property
    def salvages(self) -> bool:
        """True when what can be decoded of a damaged source is wanted."""
        return self.on_damage == "salvage"

    @property
    def wants_loudness(self) -> bool:
        """True when the loudness of source and result is measured."""
        return bool(self.measure_loudness) or self.loudness is not None

    @property
    def edits_sound(self) -> bool:
        """True when the sound can't be copied as it is."""
        is_cut = bool(self.trim_start or self.trim_silence) or self.trim_end is not None
        return self.changes_samples or is_cut

    def as_dict(self) -> dict[str, Any]:
        """The options that were given, by their JSON names."""
        return {json: value for json, name in OPTION_NAMES.items() if (value := getattr(self, name)) is not None}


OPTION_NAMES: Mapping[str, str] = {
    "bitRate": "bit_rate",
    "bitRateMode": "bit_rate_mode",
    "quality": "quality",
    "preset": "preset",
    "sampleRate": "sample_rate",
    "channels": "channels",
    "bitDepth": "bit_depth",
    "trimStart": "trim_start",
    "trimEnd": "trim_end",
    "trimSilence": "trim_silence",
    "silenceThreshold": "silence_threshold",
    "shortestSilence": "shortest_silence",
    "fadeIn": "fade_in",
    "fadeOut": "fade_out",
    "gain": "gain",
    "loudness": "loudness",
    "truePeak": "true_peak",
    "tempo": "tempo",
    "audioStream": "audio_stream",
    "tags": "tags",
    "stripTags": "strip_tags",
    "measureLoudness": "measure_loudness",
    "onDamage": "on_damage",
    "split": "split",
    "cueSheet": "cue_sheet",
    "join": "join",
}


def parse_options(target: TargetFormat, given: Mapping[str, Any]) -> ConversionOptions:
    """Options by their JSON names, as strings or numbers, checked against ``target``.

    ``bitRate`` and ``sampleRate`` take ``"192k"`` too. Raises ``InvalidOptions`` with one entry a wrong field.
    """
    options = accepted_options(target, given)
    _refuse(target, _complaints(target, options))
    return options


def accepted_options(target: TargetFormat, given: Mapping[str, Any]) -> ConversionOptions:
    """Those of a task that was accepted, maybe by a version that refused less: what fits no target is done as well as it can be.

    Raises ``InvalidOptions`` for names and values that this version doesn't know.
    """
    errors: list[FieldError] = []
    values: dict[str, Any] = {}
    for json, raw in given.items():
        name = OPTION_NAMES.get(json)
        if name is None:
            errors.append(
                FieldError(
                    json,
                    f"There is no such option. There are: {', '.join(OPTION_NAMES)}.",
                )
            )
            continue
        if raw is None or raw == "":
            continue
        try:
            values[name] = _parsed(json, raw)
        except (TypeError, ValueError, OverflowError) as error:
            errors.append(FieldError(json, _misunderstood(json, raw, error)))
    _refuse(target, errors)
    return ConversionOptions(**values)


def as_joined(target: TargetFormat, options: ConversionOptions) -> ConversionOptions:
    """The same for several sources that are joined. Raises ``InvalidOptions`` for what is about one source."""
    joined = replace(options, join=True)
    _refuse(target, _joining_complaints(joined))
    return joined


def _refuse(target: TargetFormat, errors: Sequence[FieldError]) -> None:
    if errors:
        complaints = " ".join(f"{each.field}: {each.message}" for each in errors)
        raise InvalidOptions(f"These options don't fit {target.title}. {complaints}", tuple(errors))


def _parsed(json: str, raw: object) -> object:
    if json == "tags":
        return parse_tags(raw)
    if json == "cueSheet":
        return parse_sheet(raw)
    if json in _FLAGS:
        return parse_flag(raw)
    if json in CHOICES:
        return CHOICES[json].parse(raw)
    if json == "quality" or (json in EDIT_RANGES and not EDIT_RANGES[json].is_whole):
        return parse_number(raw)
    return _whole_number(raw)


def _misunderstood(json: str, raw: object, error: Exception) -> str:
    if json in ("tags", "cueSheet"):
        return str(error)
    if json in CHOICES:
        return f"{CHOICES[json].meaning}: {CHOICES[json].spoken}."
    return f"“{str(raw)[:40]}” is {'neither true nor false' if json in _FLAGS else 'not a number'}."


_FLAGS = frozenset({"stripTags", "measureLoudness", "trimSilence", "join"})


# 64.1 times 1000 isn't quite 64,100 in binary.
_ROUNDING = 1e-6


def _whole_number(raw: object) -> int:
    if isinstance(raw, bool):
        raise TypeError
    text = str(raw).strip().lower()
    factor = 1000 if text.endswith("k") else 1
    number = float(text.removesuffix("k")) * factor
    nearest = round(number)
    if abs(number - nearest) > _ROUNDING:
        raise ValueError(text)
    return nearest


# A sentence quotes the names of options, and of an option with a value: each rim shows its own in their place.
def _complaints(target: TargetFormat, options: ConversionOptions) -> list[FieldError]:
    checks = (
        ("bitRate", options.bit_rate, _bit_rate_complaint),
        ("quality", options.quality, _quality_complaint),
        ("sampleRate", options.sample_rate, _sample_rate_complaint),
        ("channels", options.channels, _channels_complaint),
        ("bitDepth", options.bit_depth, _bit_depth_complaint),
    )
    found = [
        FieldError(field, complaint)
        for field, value, check in checks
        if value is not None and (complaint := check(target, value))
    ]
    if options.bit_rate is not None and options.quality is not None:
        found.append(
            FieldError(
                "quality",
                "Give either “bitRate” or “quality” (which is variable), not both.",
            )
        )
    if options.preset is not None and (options.bit_rate is not None or options.quality is not None):
        found.append(FieldError("preset", "Give either “preset”, or “bitRate” or “quality”."))
    if options.bit_rate_mode is not None and (complaint := _mode_complaint(target, options, options.bit_rate_mode)):
        found.append(FieldError("bitRateMode", complaint))
    if not found:
        found = _bit_rate_complaints(target, options)
    return found + _edit_complaints(options) + _joining_complaints(options)


def _bit_rate_complaints(target: TargetFormat, options: ConversionOptions) -> list[FieldError]:
    """What doesn't fit to the sample rate and the channels that are asked for with it. Those of a source aren't known yet."""
    wanted, rate, channels = options.bit_rate, options.sample_rate, options.channels
    if wanted is None:
        return []
    highest = highest_bit_rate(target.codec, rate, channels)
    lowest = lowest_bit_rate(target.codec, rate, channels)
    of_what = [target.title]
    if rate is not None and target.codec != "opus":
        of_what.append(f"at {rate} Hz")
    if channels is not None and target.codec != "mp3":
        of_what.append(f"with {channels} channel{'s' if channels > 1 else ''}")
    if highest is not None and wanted > highest:
        return [FieldError("bitRate", f"{' '.join(of_what)} takes {highest} bits per second at most.")]
    if lowest is not None and wanted < lowest:
        return [FieldError("bitRate", f"{' '.join(of_what)} takes {lowest} bits per second at least.")]
    return []


def _edit_complaints(options: ConversionOptions) -> list[FieldError]:
    found = []
    for field, allowed in EDIT_RANGES.items():
        value = getattr(options, OPTION_NAMES[field])
        if value is not None and (complaint := allowed.complaint(value)):
            found.append(FieldError(field, complaint))
    if options.trim_end is not None and options.trim_end <= (options.trim_start or 0):
        found.append(FieldError("trimEnd", "It must lie behind “trimStart”."))
    if options.gain is not None and options.loudness is not None:
        found.append(FieldError("gain", "Give either “gain” or “loudness”, not both."))
    if options.true_peak is not None and options.loudness is None:
        found.append(FieldError("truePeak", "It belongs to “loudness”: give that too."))
    of_silence = ("silenceThreshold", "shortestSilence")
    homeless = [each for each in of_silence if getattr(options, OPTION_NAMES[each]) is not None]
    if homeless and not (options.trim_silence or options.split == "silence"):
        found += [
            FieldError(each, "It belongs to “trimSilence” or “split=silence”: give one of them too.")
            for each in homeless
        ]
    if options.cue_sheet is not None and options.split != "cue":
        found.append(FieldError("cueSheet", "It belongs to “split=cue”: give that too."))
    return found


_OF_ONE_SOURCE = (*EDIT_RANGES, "trimSilence", "cueSheet", "measureLoudness")


def _joining_complaints(options: ConversionOptions) -> list[FieldError]:
    if not options.join:
        return []
    about_one = [each for each in _OF_ONE_SOURCE if getattr(options, OPTION_NAMES[each]) is not None]
    if options.is_split:
        about_one.append("split")
    return [
        FieldError(
            each, "It is about one source, and joined ones are several: join first, then convert the result with it."
        )
        for each in about_one
    ]


def _bit_rate_complaint(target: TargetFormat, value: float) -> str | None:
    rates = target.bit_rates
    if rates is None:
        hint = " Use “quality”." if target.quality else ""
        return f"{target.title} takes no bit rate.{hint}"
    if rates.minimum <= value <= rates.maximum:
        return None
    return f"It is in bits per second, from {rates.minimum} to {rates.maximum}, e.g. {rates.default} or “{rates.default // 1000}k”."


def _quality_complaint(target: TargetFormat, value: float) -> str | None:
    scale = target.quality
    if scale is None:
        hint = " Use “bitRate”." if target.bit_rates else ""
        return f"{target.title} has no quality scale.{hint}"
    return None if scale.holds(value) else f"{scale.meaning}."


def _mode_complaint(target: TargetFormat, options: ConversionOptions, mode: str) -> str | None:
    if not target.bit_rate_modes:
        return f"{target.title} is lossless and takes no bit rate."
    if mode not in target.bit_rate_modes:
        return f"{target.title}'s is always {target.bit_rate_modes[0]}."
    is_by_quality = options.quality is not None or (
        target.quality is not None and target.preset(options.preset) is not None
    )
    if mode == CONSTANT and is_by_quality:
        return "Quality is kept by a variable bit rate: give “bitRate” for a constant one."
    return None


def _sample_rate_complaint(target: TargetFormat, value: float) -> str | None:
    if target.sample_rates:
        allowed = ", ".join(map(str, target.sample_rates))
        return None if value in target.sample_rates else f"{target.title} takes these sample rates in Hz: {allowed}."
    lowest, highest = LOWEST_SAMPLE_RATE, target.highest_sample_rate
    return None if lowest <= value <= highest else f"It is in Hz, from {lowest} to {highest}."


def _channels_complaint(target: TargetFormat, value: float) -> str | None:
    if 1 <= value <= target.maximum_channels:
        return None
    return f"{target.title} takes 1 to {target.maximum_channels} channels."


def _bit_depth_complaint(target: TargetFormat, value: float) -> str | None:
    if value in target.bit_depths:
        return None
    if not target.bit_depths:
        return f"{target.title} is lossy and has no bit depth."
    return f"{target.title} takes these bit depths: {', '.join(map(str, target.bit_depths))}."
