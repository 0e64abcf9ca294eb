"""Which bit rates a codec has at a sample rate and so many channels: of any other, its encoder takes one without a word, or refuses."""

from __future__ import annotations

# ISO/IEC 11172-3 and 13818-3, Layer III, in kbit/s; MPEG-2.5 below 16 kHz takes what LAME gives it.
_MPEG_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_2_5 = (8, 16, 24, 32, 40, 48, 56, 64)

_AAC_BITS_A_SAMPLE = 6  # ISO/IEC 14496-3, section 4.5.1: 6,144 bits a channel in a frame of 1,024 samples
_OPUS_CHANNEL = 256_000  # libopus takes no more for one
_OPUS_STREAM = 6_000  # RFC 6716, section 2.1.1
_OPUS_STREAMS = (1, 1, 2, 2, 3, 4, 4, 5)
"""Of so many channels, from one on: RFC 7845, section 5.1.1.2, and libopus' surround encoder."""


def nearest_bit_rate(codec: str, wanted: int, sample_rate: int, channels: int) -> int:
    """``wanted`` where the codec has it, else what comes next to it; all in bits per second."""
    if codec == "mp3":
        return min((1000 * each for each in _mpeg_rates(sample_rate)), key=lambda each: (abs(each - wanted), -each))
    if codec == "aac":
        return min(max(wanted, _least_aac(sample_rate, channels)), _AAC_BITS_A_SAMPLE * sample_rate * channels)
    return min(max(wanted, _least_opus(channels)), _OPUS_CHANNEL * channels) if codec == "opus" else wanted


def highest_bit_rate(codec: str, sample_rate: int | None, channels: int | None) -> int | None:
    """Bits per second that no encoder of it passes at that sample rate, and with so many channels; nothing where that isn't known."""
    if codec == "mp3":
        return None if sample_rate is None else 1000 * _mpeg_rates(sample_rate)[-1]
    if channels is None:
        return None
    if codec == "opus":
        return _OPUS_CHANNEL * channels
    return _AAC_BITS_A_SAMPLE * sample_rate * channels if codec == "aac" and sample_rate is not None else None


def lowest_bit_rate(codec: str, sample_rate: int | None, channels: int | None) -> int | None:
    """Likewise, which none goes below."""
    if codec == "opus":
        return None if channels is None else _least_opus(channels)
    return 1000 * _mpeg_rates(sample_rate)[0] if codec == "mp3" and sample_rate is not None else None


def _mpeg_rates(sample_rate: int) -> tuple[int, ...]:
    if sample_rate < 16_000:
        return _MPEG_2_5
    return _MPEG_2 if sample_rate < 32_000 else _MPEG_1


def _least_aac(sample_rate: int, channels: int) -> int:
    """What FFmpeg's encoder makes of music and noise however little it is asked for, within a third: measured at 8 to 96 kHz."""
    return channels * (4_000 + 3 * sample_rate // 25)


def _least_opus(channels: int) -> int:
    return _OPUS_STREAM * _OPUS_STREAMS[channels - 1]
