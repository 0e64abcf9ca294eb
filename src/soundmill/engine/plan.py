"""What to encode with which settings: a pure function of the sound that comes in and of what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from soundmill.engine.containers.sniff import MATROSKA, MOV
from soundmill.engine.pcm.crowds import MIXED, MOST_CHANNELS, MOST_NAMED
from soundmill.engine.pcm.layouts import is_nameless, nameless, roomiest, speakers
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.formats import FORMATS, VARIABLE, TargetFormat
from soundmill.model.options import ConversionOptions
from soundmill.model.rates import nearest_bit_rate

_LOSSLESS_CODECS = ("pcm_", "dsd_")
_LOSSLESS_NAMES = frozenset({"flac", "alac", "wavpack", "tta", "ape", "wmalossless", "truehd", "mlp"})
_FORMAT_BITS = {"u8": 8, "s16": 16, "s32": 32, "s64": 64, "flt": 32, "dbl": 64}

# It gains nothing by more.
_LOSSY_DEPTH = 16

LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""What so many channels are taken for where a file doesn't say, or says what has no name."""

# Tags and a cover have the rest.
_MOST_AIFF_BYTES = (1 << 32) - (64 << 20)
LOSSLESS_ENCODERS = frozenset({"flac", "alac"})
"""Those that make less of PCM, which their decoders give back."""

_HOLDING_ANY_LAYOUT = frozenset({"pcm", "flac"})
_MPEG_4_LAYOUTS = {**LAYOUTS, 4: "4.0"}  # ISO/IEC 14496-3, table 1.19: four channels are C L R Cs

# WMA's decoder never gives out its last block: without something behind it the end of the sound would be lost. Blocks are as long as
# the sample rate is high: up to these rates, in hertz, so many samples a channel.
_WMA_BLOCKS = ((16_000, 512), (22_050, 1024), (48_000, 2048))

# FFmpeg's libopus encoder (5.1 to 9.0) exchanges channels of these layouts: given in this order they come out right.
_OPUS_ORDERS = {"5.0": (0, 1, 4, 2, 3), "6.1": (0, 1, 4, 3, 5, 2, 6)}

_DSD_WORD_BITS = 8

# As libFLAC has it for blocks of 4,608 samples of 16 bits; FFmpeg's own 15 make its sums need 64 bits (docs/decisions/0014).
_FLAC_COEFFICIENT_BITS = 12


@dataclass(frozen=True, slots=True)
class Sound:
    """Decoded sound as it comes out of the decoder. ``bit_depth`` is that of the source where it is lossless."""

    codec: str
    sample_rate: int
    channels: int
    channel_layout: str
    sample_format: str
    bit_depth: int | None = None

    @property
    def is_lossless(self) -> bool:
        """True when the decoder gives back what was recorded."""
        return self.codec in _LOSSLESS_NAMES or self.codec.startswith(_LOSSLESS_CODECS)

    @property
    def is_float(self) -> bool:
        """True for floating-point samples."""
        return self.sample_format.startswith(("flt", "dbl"))

    @property
    def depth(self) -> int:
        """Bits of a sample that carry sound."""
        return self.bit_depth or _FORMAT_BITS[self.sample_format.removesuffix("p")]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the encoder and the muxer are told.

    ``channel_order`` is that in which the encoder wants the layout's channels, where it isn't the layout's own;
    ``silent_tail`` is how many samples of silence follow on the sound; ``coefficient_bits`` how precise a lossless encoder's predictors are;
    ``losses`` says what the target can't hold of it.
    """

    encoder: str
    muxer: str
    sample_rate: int
    channels: int
    channel_layout: str
    sample_format: str
    bit_rate: int | None = None
    quality: float | None = None
    bit_rate_mode: str | None = None
    raw_bits: int | None = None
    channel_order: tuple[int, ...] = ()
    silent_tail: int = 0
    dither: bool = False
    coefficient_bits: int | None = None
    muxer_options: tuple[tuple[str, str], ...] = ()
    losses: tuple[str, ...] = ()
    source_layout: str = ""
    """If it has a name: what channels are that the decoder names none of."""

    @property
    def most_samples(self) -> int | None:
        """How many samples a channel the container has room for, if there is a limit: AIFF counts its bytes with 32 bits."""
        if self.muxer != "aiff":
            return None
        bits = int("".join(filter(str.isdigit, self.encoder)))
        return _MOST_AIFF_BYTES // (self.channels * bits // 8)

    @property
    def is_lossless(self) -> bool:
        """True where a decoder gives back the very samples that the encoder gets."""
        return self.encoder in LOSSLESS_ENCODERS or self.encoder.startswith("pcm_")

    @property
    def is_lossless_integer(self) -> bool:
        """True where what is louder than full scale has no place."""
        return (
            self.sample_format.removesuffix("p") in ("u8", "s16", "s32")
            and self.bit_rate is None
            and self.quality is None
        )


def make_plan(sound: Sound, target: TargetFormat, options: ConversionOptions) -> Plan:
    """The plan for one conversion. Options are taken as checked against the target.

    Raises ``ConversionError`` with ``UNSUITABLE_OPTIONS`` for more channels than the target holds, unless they can be mixed.
    """
    rate = _sample_rate(sound, target, options)
    layouts = _MPEG_4_LAYOUTS if target.codec in ("aac", "alac") else LAYOUTS
    channels = options.channels or _channels(sound, target, layouts)
    _check_channels(sound, channels)
    named = sound.channel_layout if speakers(sound.channel_layout) else ""
    layout = layouts.get(channels) or nameless(channels)
    plan = Plan(ENCODERS[target.codec], _MUXERS[target.container], rate, channels, layout, "", source_layout=named)
    settle = _lossless if target.lossless else _lossy
    plan = settle(plan, sound, target, options)
    return replace(plan, muxer_options=_muxer_options(plan, target), losses=_losses(plan, sound, target, options))


def copy_plan(kind: str, sound: Sound, target: TargetFormat, options: ConversionOptions) -> Plan | None:
    """The plan for putting the sound of a file of this ``kind`` into the target as it is; ``None`` where it must be encoded.

    ``kind`` is what :func:`soundmill.engine.containers.sniff.sniff` calls it.
    """
    is_asked_anew = options.is_encoded_anew or options.edits_sound
    kinds = _AAC_COPIED_KINDS if sound.codec == "aac" else _COPIED_KINDS
    if kind not in kinds or sound.codec != target.codec or is_asked_anew:
        return None
    asked = (
        (options.sample_rate, sound.sample_rate),
        (options.channels, sound.channels),
        (options.bit_depth, sound.bit_depth),
    )
    fits = sound.channels <= target.maximum_channels and sound.sample_rate in (
        target.sample_rates or {sound.sample_rate}
    )
    if not fits or any(wanted is not None and wanted != there for wanted, there in asked):
        return None
    return Plan(
        encoder="copy",
        muxer=_MUXERS[target.container],
        sample_rate=sound.sample_rate,
        channels=sound.channels,
        channel_layout=sound.channel_layout,
        sample_format=sound.sample_format,
        muxer_options=_MUXER_OPTIONS.get(target.name, ()),
    )


# Their packets are whole frames, and say when they are heard or follow on one another.
_COPIED_KINDS = frozenset({MOV, MATROSKA, "ogg", "aac", "mp3", "flac"})
_AAC_COPIED_KINDS = _COPIED_KINDS | {"mpegts", "flv"}

ENCODERS = {
    "mp3": "libmp3lame",
    "vorbis": "libsndfile",
    "opus": "libopus",
    "aac": "aac",
    "wmav2": "wmav2",
    "flac": "flac",
    "alac": "alac",
    "pcm": "pcm",
}
_MUXERS = {
    "mp3": "mp3",
    "wav": "wav",
    "ogg": "ogg",
    "adts": "adts",
    "mp4": "ipod",
    "asf": "asf",
    "flac": "flac",
    "aiff": "aiff",
    "matroska": "matroska",
    "webm": "webm",
}
_FAST_START = (("movflags", "+faststart"),)
_MUXER_OPTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "m4a": _FAST_START,
    "alac": _FAST_START,
    "wav": (("rf64", "auto"),),
    "aiff": (("write_id3v2", "1"),),
    "aac": (("write_id3v2", "1"),),
    "mp3": (("id3v2_version", "4"), ("write_xing", "1")),
}
# Each packet of ASF holds whole blocks only, of which there is one in FFmpeg's own 3,200 bytes from 256 kbit/s on: the file gets twice
# its size. And no more than 63 of them, which don't fill 12,800 bytes below 48 kbit/s: a third of the file would be padding.
_LARGE_ASF_PACKETS = (("packet_size", "12800"),)
_FILLS_LARGE_ASF_PACKETS = 64_000


def _muxer_options(plan: Plan, target: TargetFormat) -> tuple[tuple[str, str], ...]:
    if plan.muxer == "asf" and plan.bit_rate is not None and plan.bit_rate >= _FILLS_LARGE_ASF_PACKETS:
        return _LARGE_ASF_PACKETS
    return _MUXER_OPTIONS.get(target.name, ())


def _sample_rate(sound: Sound, target: TargetFormat, options: ConversionOptions) -> int:
    if target.codec == "opus":
        return options.sample_rate or 48_000  # RFC 6716: the decoder's rate is 48 kHz whatever went in
    wanted = options.sample_rate or sound.sample_rate
    if target.sample_rates:
        return min((rate for rate in target.sample_rates if rate >= wanted), default=max(target.sample_rates))
    highest = _HIGHEST_RATES.get(target.codec, wanted)
    return wanted if wanted <= highest else _related_rate(wanted, highest)


_HIGHEST_RATES = {
    "vorbis": FORMATS["ogg"].highest_sample_rate,
    "alac": FORMATS["alac"].highest_sample_rate,
    "flac": 655_350,
    "pcm": 768_000,
}
"""That a source keeps: what FLAC's header can say (RFC 9639, section 9.1.2), and what converters play, is more than anybody may ask for."""
_FAMILIES = (44_100, 48_000)


def _related_rate(wanted: int, highest: int) -> int:
    """The highest one of which ``wanted`` is a multiple, of those that players know: DSD comes at 705,600 Hz and more."""
    related = [base << power for base in _FAMILIES for power in range(6) if wanted % (base << power) == 0]
    return max((each for each in related if each <= highest), default=highest)


_KEEPING_ALL_CHANNELS = frozenset({"pcm"})
"""More than anybody may ask for."""


def _check_channels(sound: Sound, channels: int) -> None:
    if sound.channels > MOST_NAMED and channels not in MIXED | {sound.channels}:
        keeping = ", ".join(each.title for each in FORMATS.values() if each.codec in _KEEPING_ALL_CHANNELS)
        raise ConversionError(
            FailureCode.UNSUITABLE_OPTIONS,
            f"This sound has {sound.channels} channels. Ask for 2 channels, or for 1, to have them mixed; all of them fit into {keeping}.",
        )


def _channels(sound: Sound, target: TargetFormat, layouts: Mapping[int, str]) -> int:
    """As many as the sound has, or more where only then each of its speakers has a place of its own."""
    if MOST_NAMED < sound.channels <= MOST_CHANNELS and target.codec in _KEEPING_ALL_CHANNELS:
        return sound.channels
    offered = {count: name for count, name in layouts.items() if count <= target.maximum_channels}
    found = None if target.codec in _HOLDING_ANY_LAYOUT else roomiest(sound.channel_layout, offered)
    return found or min(sound.channels, target.maximum_channels)


def _lossless(plan: Plan, sound: Sound, target: TargetFormat, options: ConversionOptions) -> Plan:
    depth = options.bit_depth or _depth(sound, target)
    as_float = target.codec == "pcm" and depth in target.float_depths and (sound.is_float or sound.depth < 32)
    encoder, sample_format = plan.encoder, "s32" if depth > 16 else "s16"
    if target.codec == "pcm":
        order = "be" if target.container == "aiff" else "le"
        encoder = f"pcm_{'f' if as_float else 's'}{depth}{order}"
        if depth == 8:
            encoder, sample_format = ("pcm_s8", "u8") if order == "be" else ("pcm_u8", "u8")
        if as_float:
            sample_format = "flt"
    elif target.codec == "alac":
        sample_format += "p"
    return replace(
        plan,
        encoder=encoder,
        sample_format=sample_format,
        channel_layout=_kept_layout(plan, sound, target),
        raw_bits=24 if depth == 24 else None,
        coefficient_bits=_FLAC_COEFFICIENT_BITS if target.codec == "flac" and depth <= 16 else None,
        dither=not as_float and (options.changes_samples or _is_narrower(depth, sound)),
    )


def _is_narrower(depth: int, sound: Sound) -> bool:
    """True where steps of this depth are heard, or coarser than the sound's own."""
    return depth < sound.depth or sound.is_float if sound.is_lossless else depth < _LOSSY_DEPTH


def _depth(sound: Sound, target: TargetFormat) -> int:
    """The source's depth where the target has it."""
    if not sound.is_lossless:
        return _LOSSY_DEPTH
    if sound.is_float and not target.float_depths:
        return 24
    return min((each for each in target.bit_depths if each >= sound.depth), default=max(target.bit_depths))


def _kept_layout(plan: Plan, sound: Sound, target: TargetFormat) -> str:
    """Formats that hold any layout keep the source's own, unless it has no name ("2 channels")."""
    has_name = (
        " channels" not in sound.channel_layout
        if sound.channels > MOST_NAMED
        else not is_nameless(sound.channel_layout)
    )
    holds_any = target.codec in _HOLDING_ANY_LAYOUT
    return sound.channel_layout if has_name and holds_any and plan.channels == sound.channels else plan.channel_layout


def _lossy(plan: Plan, sound: Sound, target: TargetFormat, options: ConversionOptions) -> Plan:
    sample_formats = {
        "mp3": "s16p" if sound.depth <= 16 and not options.changes_samples else "fltp",
        "opus": "flt",
        "vorbis": "flt",
    }
    quality = options.quality
    if quality is None and target.quality is not None:
        preset = target.preset(options.preset)
        quality = target.quality.default if preset is None else preset
    bit_rate = None if quality is not None else _bit_rate(plan, sound, target, options)
    return replace(
        plan,
        sample_format=sample_formats.get(target.codec, "fltp"),
        quality=quality,
        bit_rate=bit_rate,
        bit_rate_mode=options.bit_rate_mode or (target.bit_rate_modes[0] if quality is None else VARIABLE),
        channel_order=_OPUS_ORDERS.get(plan.channel_layout, ()) if target.codec == "opus" else (),
        silent_tail=_silent_tail(target, plan.sample_rate),
    )


def _silent_tail(target: TargetFormat, rate: int) -> int:
    return next(block for most, block in _WMA_BLOCKS if rate <= most) if target.codec == "wmav2" else 0


def _bit_rate(plan: Plan, sound: Sound, target: TargetFormat, options: ConversionOptions) -> int | None:
    if target.bit_rates is None:
        return None
    # Those that nobody gave as a number are for one or two channels; more of them need more, but for silent ones.
    usual = target.preset(options.preset) or target.bit_rates.default
    wanted = options.bit_rate or round(usual * max(2, min(plan.channels, sound.channels)) / 2)
    return nearest_bit_rate(target.codec, min(wanted, target.bit_rates.maximum), plan.sample_rate, plan.channels)


def _losses(plan: Plan, sound: Sound, target: TargetFormat, options: ConversionOptions) -> tuple[str, ...]:
    """What the format, and not the client, takes away."""
    said = []
    if plan.sample_rate < sound.sample_rate and options.sample_rate is None:
        said.append(f"sample rate {sound.sample_rate} Hz ({target.title} gets {plan.sample_rate} Hz)")
    if plan.channels < sound.channels and options.channels is None:
        said.append(f"{sound.channels} channels ({target.title} gets {plan.channels})")
    is_asked = options.channels is not None and plan.channels != sound.channels
    if plan.channels >= sound.channels and not is_asked and not _has_room(plan.channel_layout, sound.channel_layout):
        said.append(f"{sound.channel_layout} layout ({target.title} gets {plan.channel_layout})")
    if plan.dither and options.bit_depth is None and _is_narrower(_bits(plan), sound):
        said.append(f"{_kind_of_samples(sound)} samples ({target.title} gets {_bits(plan)} bit)")
    is_float = plan.encoder.startswith("pcm_f")
    if is_float and sound.depth > _bits(plan) and options.bit_depth is None:
        said.append(f"{_kind_of_samples(sound)} samples ({target.title} gets {_bits(plan)}-bit float)")
    if options.bit_rate and plan.bit_rate and plan.bit_rate != options.bit_rate:
        said.append(f"{options.bit_rate} bit/s ({target.title} at {plan.sample_rate} Hz gets {plan.bit_rate})")
    return tuple(said)


def _kind_of_samples(sound: Sound) -> str:
    # Decoders of DSD, which has one bit, give floats; WavPack's counts its bytes.
    if sound.codec.startswith("dsd") or (sound.is_float and sound.depth == _DSD_WORD_BITS):
        return "1-bit (DSD)"
    return f"{sound.depth}-bit float" if sound.is_float else f"{sound.depth}-bit"


def _has_room(layout: str, wanted: str) -> bool:
    """True where each speaker has its place, and where any may be meant."""
    if wanted.endswith("channels"):
        return True
    named = speakers(wanted)
    return named <= speakers(layout) if named else wanted == layout


def _bits(plan: Plan) -> int:
    return plan.raw_bits or _FORMAT_BITS[plan.sample_format.removesuffix("p")]
