"""Sound of more channels than formats have loudspeakers for: 16 tracks of a recorder, 7.1.4, ambisonics. It is mixed into one or two here, for FFmpeg leaves out most of them."""

from __future__ import annotations

from functools import cache

from av import FFmpegError
from av.audio.layout import AudioLayout

from soundmill.engine.pcm.filtering import FilterChain

MOST_NAMED = 8
"""So many channels have a layout in every format that holds so many."""
MOST_CHANNELS = 64
"""No filter of FFmpeg's takes more."""
MIXED = frozenset({1, 2})
"""What more of them can be mixed into."""

_BOTH_SIDES = 0.5**0.5
_NAMELESS, _BASS = "NONE", frozenset({"LFE", "LFE2"})
# The first two of ambisonics (ACN): what comes from everywhere, and how much more of it from the left.
_AMBISONICS = {"AMBI0": (1.0, 1.0), "AMBI1": (1.0, -1.0)}


def mix(layout: str, channels: int) -> str:
    """The arguments of FFmpeg's ``pan`` filter for as many ``channels``, of :data:`MIXED`; nothing gets louder than full scale."""
    sides = [_sides(name.name, number) for number, name in enumerate(AudioLayout(layout).channels)]
    rows = [[left for left, _ in sides], [right for _, right in sides]]
    if channels == 1:
        rows = [[left + right for left, right in sides]]
    highest = max(sum(map(abs, row)) for row in rows) or 1.0
    terms = (
        "+".join(f"{share / highest:.6f}*c{number}" for number, share in enumerate(row) if share).replace("+-", "-")
        for row in rows
    )
    return "|".join([("mono", "stereo")[channels - 1], *(f"c{number}={term}" for number, term in enumerate(terms))])


def beginning_with(channels: int, layout: str) -> str:
    """The arguments of ``pan`` for so many channels that become the first ones of a ``layout`` of more; the others are silent."""
    return "|".join([layout, *(f"c{number}=c{number}" for number in range(channels))])


@cache
def can_be_dithered(layout: str) -> bool:
    """FFmpeg dithers no channels that it couldn't mix, although it mixes none: 9 without names, but not 16. They are rounded then."""
    try:
        FilterChain(
            (48_000, layout, "dblp"), [("aresample", "dither_method=triangular"), ("aformat", "sample_fmts=s16")]
        )
    except FFmpegError:
        return False
    return True


def _sides(name: str, number: int) -> tuple[float, float]:
    """How much of a channel is heard left and right. Nameless ones are pairs, as recorders have them; bass is left out, as everywhere."""
    if name == _NAMELESS:
        return (0.0, 1.0) if number % 2 else (1.0, 0.0)
    if name.startswith("AMBI"):
        return _AMBISONICS.get(name, (0.0, 0.0))
    if name in _BASS:
        return 0.0, 0.0
    if name.endswith("L") or name == "FLC":
        return 1.0, 0.0
    if name.endswith("R") or name == "FRC":
        return 0.0, 1.0
    return _BOTH_SIDES, _BOTH_SIDES
