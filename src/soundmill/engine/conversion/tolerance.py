"""How far a result's length may be from what went into the encoder, by format, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tolerance:
    """In samples at the result's rate: at most ``fewer`` than went in, at most ``more``."""

    fewer: int
    more: int
    reason: str
    shortest: int = 0
    """What the encoder makes of even a single sample."""

    def allows(self, expected: int, found: int) -> bool:
        """True when ``found`` decoded samples are right for ``expected`` encoded ones."""
        return expected - self.fewer <= found <= max(expected + self.more, self.shortest)


_EXACT = Tolerance(0, 0, "lossless, or the container says where the sound begins and ends")

_BY_FORMAT = {
    "mp3": Tolerance(
        0, 0, "LAME's header counts samples, but a frame is the least: 1,152 without its delay of 1,105", 47
    ),
    "aac": Tolerance(
        0, 1024 + 1024 + 1023, "ADTS can't say the encoder's delay of 1,024 samples nor the padding of the end"
    ),
    "webm": Tolerance(
        0,
        0,
        "FFmpeg cuts either the begin or the end of a packet: of one that is alone all but the pre-skip is heard",
        648,
    ),
    "wma": Tolerance(
        2 * 2048, 2 * 2048, "ASF can't say them, frames have up to 2,048 samples, and FFmpeg drops the first"
    ),
}


_OF_SURROUND_OPUS = Tolerance(
    24,
    0,
    "where streams of more than one end in SILK and in CELT, FFmpeg's decoder keeps half a millisecond that the file holds",
)


def tolerance_for(format_name: str, channels: int = 2) -> Tolerance:
    """The tolerance for a target format by its name in :data:`soundmill.model.formats.FORMATS`."""
    if format_name in ("opus", "webm") and channels > 2:
        return _OF_SURROUND_OPUS
    return _BY_FORMAT.get(format_name, _EXACT)
