"""What must be known of a sound before its first sample can be encoded: passes that decode, and write nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from soundmill.engine.shaping.edit import Edits
from soundmill.model.options import ConversionOptions
from soundmill.model.sound import Loudness

DEFAULT_TRUE_PEAK = -1.0
"""In dBTP, for a loudness that was asked for without a ceiling: EBU R 128, section g."""

_MOST_CORRECTIONS = 2
_CLOSE_ENOUGH_LU = 0.1
# Programmes may be off by so much where it can't be exact: EBU R 128, section i.
_WORTH_TELLING_LU = 1.0
# Meters of true peak may read so much too low or too high: ITU-R BS.1770-5, annex 2; EBU Tech 3341.
_WORTH_TELLING_DB = 0.3


@dataclass(frozen=True, slots=True)
class Surveyed:
    """``source_samples`` a channel went in; ``loudness`` is that of what came out."""

    source_samples: int
    loudness: Loudness | None


def unreached(options: ConversionOptions, found: Loudness | None) -> tuple[str, ...]:
    """A loudness and a true peak that were asked for, where the result has others; named for people."""
    if options.loudness is None:
        return ()
    if found is None:
        return (f"loudness {options.loudness:g} LUFS (silence has none, and nothing that is shorter than 0.4 s)",)
    said = []
    if abs(found.integrated - options.loudness) > _WORTH_TELLING_LU:
        cause = "these fades and this true peak" if options.fade_in or options.fade_out else "this true peak"
        said.append(f"loudness {options.loudness:g} LUFS (with {cause} it is {found.integrated:.1f})")
    if found.true_peak > (ceiling := _ceiling(options)) + _WORTH_TELLING_DB:
        said.append(f"true peak {ceiling:g} dBTP (the encoder made {found.true_peak:.1f} of it)")
    return tuple(said)


def settle(edits: Edits, options: ConversionOptions, measure: Callable[[Edits], Surveyed]) -> Edits:
    """``edits``, with everything in them that only a pass over the sound tells. ``measure`` makes one with the edits it gets.

    A loudness is reached by gain alone where the true peak allows it; else a limiter holds that, and further passes make up
    for what it takes away.
    """
    if options.loudness is None and not edits.needs_length:
        return edits
    before = replace(edits, fade_in=0, fade_out=0)
    found = measure(before)
    settled = replace(edits, source_samples=found.source_samples)
    if options.loudness is None or found.loudness is None:
        return settled
    ceiling = _ceiling(options)
    gain = options.loudness - found.loudness.integrated
    if found.loudness.true_peak + gain <= ceiling:
        return replace(settled, gain=gain)
    for _ in range(_MOST_CORRECTIONS):
        found = measure(replace(before, gain=gain, limit=ceiling))
        if found.loudness is None or abs(options.loudness - found.loudness.integrated) < _CLOSE_ENOUGH_LU:
            break
        gain += options.loudness - found.loudness.integrated
    return replace(settled, gain=gain, limit=ceiling)


def _ceiling(options: ConversionOptions) -> float:
    return DEFAULT_TRUE_PEAK if options.true_peak is None else options.true_peak
