"""The target formats: what each is, and which options it takes with which ranges and defaults."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from soundmill.model.errors import UnknownFormat


@dataclass(frozen=True, slots=True)
class BitRates:
    """Allowed bit rates in bits per second for the whole stream, and the default."""

    minimum: int
    maximum: int
    default: int


@dataclass(frozen=True, slots=True)
class QualityScale:
    """A codec's own variable bit rate scale. ``best`` may be the smaller number (LAME's V0)."""

    worst: float
    best: float
    default: float | None
    meaning: str

    def holds(self, value: float) -> bool:
        """True when ``value`` lies on the scale."""
        return min(self.worst, self.best) <= value <= max(self.worst, self.best)


@dataclass(frozen=True, slots=True)
class TargetFormat:
    """One format that soundmill writes.

    ``sample_rates`` in hertz; empty means any from 1,000 to ``highest_sample_rate``. ``bit_depths`` is empty for lossy codecs. ``float_depths``
    are those of ``bit_depths`` that mean floating point. ``presets`` are what the words of :data:`PRESETS` mean: on the scale of ``quality``
    where there is one, else in bits per second for one or two channels; empty for lossless codecs. ``bit_rate_modes`` are those of
    :data:`BIT_RATE_MODES` that its encoder has, its usual one first; empty for lossless codecs.
    """

    name: str
    title: str
    extension: str
    mime_type: str
    codec: str
    container: str
    lossless: bool
    maximum_channels: int
    bit_rates: BitRates | None = None
    quality: QualityScale | None = None
    sample_rates: tuple[int, ...] = ()
    highest_sample_rate: int = 384_000
    bit_depths: tuple[int, ...] = ()
    float_depths: tuple[int, ...] = ()
    presets: tuple[float, ...] = ()
    bit_rate_modes: tuple[str, ...] = ()

    def preset(self, word: str | None) -> float | None:
        """What ``word`` means here; nothing where it leaves the choice to the format."""
        return dict(zip(PRESETS, self.presets, strict=False)).get(word or "")


PRESETS = ("low", "medium", "high", "best")
"""Words for how good a lossy result is, and how large."""

CONSTANT, VARIABLE = BIT_RATE_MODES = ("constant", "variable")
"""Every moment gets as many bits, or each what it needs, so many in the mean."""

LOWEST_SAMPLE_RATE = 1_000
"""Where any will do."""

_MPEG_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_AAC_RATES = (
    7_350,
    8_000,
    11_025,
    12_000,
    16_000,
    22_050,
    24_000,
    32_000,
    44_100,
    48_000,
    64_000,
    88_200,
    96_000,
)
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
_WMA_RATES = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000)
_AAC_BIT_RATES = BitRates(16_000, 512_000, 192_000)
_OPUS_BIT_RATES = BitRates(6_000, 510_000, 128_000)
_AAC_PRESETS = (96_000, 128_000, 192_000, 256_000)
_OPUS_PRESETS = (64_000, 96_000, 128_000, 192_000)
_OPUS_MODES = (VARIABLE, CONSTANT)

_ALL = (
    TargetFormat(
        "mp3", "MP3", "mp3", "audio/mpeg", "mp3", "mp3", False, 2,
        bit_rates=BitRates(8_000, 320_000, 192_000),
        quality=QualityScale(9, 0, None, "LAME VBR: 0 is best, 9 is smallest"),
        sample_rates=_MPEG_RATES, presets=(6, 4, 2, 0), bit_rate_modes=(CONSTANT, VARIABLE),
    ),
    TargetFormat(
        "wav", "WAV (PCM)", "wav", "audio/wav", "pcm", "wav", True, 8, bit_depths=(8, 16, 24, 32), float_depths=(32,)
    ),
    TargetFormat(
        "ogg", "Ogg Vorbis", "ogg", "audio/ogg", "vorbis", "ogg", False, 8,
        quality=QualityScale(0, 10, 5, "Vorbis quality: 10 is best, 0 is smallest"),
        highest_sample_rate=192_000, presets=(2, 4, 6, 9), bit_rate_modes=(VARIABLE,),
    ),
    TargetFormat(
        "opus", "Opus", "opus", "audio/ogg; codecs=opus", "opus", "ogg", False, 8,
        bit_rates=_OPUS_BIT_RATES, sample_rates=_OPUS_RATES, presets=_OPUS_PRESETS, bit_rate_modes=_OPUS_MODES,
    ),
    TargetFormat(
        "aac", "AAC (ADTS)", "aac", "audio/aac", "aac", "adts", False, 6,
        bit_rates=_AAC_BIT_RATES, sample_rates=_AAC_RATES, presets=_AAC_PRESETS, bit_rate_modes=(VARIABLE,),
    ),
    TargetFormat(
        "m4a", "AAC (M4A)", "m4a", "audio/mp4", "aac", "mp4", False, 6,
        bit_rates=_AAC_BIT_RATES, sample_rates=_AAC_RATES, presets=_AAC_PRESETS, bit_rate_modes=(VARIABLE,),
    ),
    TargetFormat(
        "wma", "Windows Media Audio 2", "wma", "audio/x-ms-wma", "wmav2", "asf", False, 2,
        bit_rates=BitRates(24_000, 320_000, 192_000), sample_rates=_WMA_RATES, presets=_AAC_PRESETS,
        bit_rate_modes=(CONSTANT,),
    ),
    TargetFormat("flac", "FLAC", "flac", "audio/flac", "flac", "flac", True, 8, bit_depths=(16, 24)),
    TargetFormat(
        "aiff", "AIFF (PCM)", "aiff", "audio/aiff", "pcm", "aiff", True, 8, bit_depths=(8, 16, 24, 32), float_depths=()
    ),
    TargetFormat("alac", "Apple Lossless (M4A)", "m4a", "audio/mp4", "alac", "mp4", True, 6, bit_depths=(16, 24)),
    TargetFormat("mka", "Matroska (FLAC)", "mka", "audio/x-matroska", "flac", "matroska", True, 8, bit_depths=(16, 24)),
    TargetFormat(
        "webm", "WebM (Opus)", "webm", "audio/webm", "opus", "webm", False, 8,
        bit_rates=_OPUS_BIT_RATES, sample_rates=_OPUS_RATES, presets=_OPUS_PRESETS, bit_rate_modes=_OPUS_MODES,
    ),
)  # fmt: skip

FORMATS = MappingProxyType({each.name: each for each in _ALL})

_ALIASES = MappingProxyType(
    {
        "wave": "wav",
        "oga": "ogg",
        "vorbis": "ogg",
        "adts": "aac",
        "mp4": "m4a",
        "aif": "aiff",
        "weba": "webm",
    }
)


def target_format(name: str) -> TargetFormat:
    """The format that a client calls ``name``; case, blanks around and one leading dot are ignored.

    Raises ``UnknownFormat``.
    """
    wanted = name.strip().lower().removeprefix(".")
    found = FORMATS.get(_ALIASES.get(wanted, wanted))
    if found is None:
        shown = wanted[:40] or "(empty)"
        raise UnknownFormat(f"soundmill doesn't write “{shown}”. It writes: {', '.join(FORMATS)}.")
    return found
