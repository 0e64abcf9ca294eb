"""Channel layouts by their speakers: which of a format's holds those of a sound, and in which order encoders take them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# FFmpeg's names, with the channels in the order in which encoders get them.
_STANDARD = {
    "mono": "FC",
    "stereo": "FL FR",
    "2.1": "FL FR LFE",
    "3.0": "FL FR FC",
    "3.0(back)": "FL FR BC",
    "3.1": "FL FR FC LFE",
    "4.0": "FL FR FC BC",
    "4.1": "FL FR FC LFE BC",
    "quad": "FL FR BL BR",
    "quad(side)": "FL FR SL SR",
    "5.0": "FL FR FC BL BR",
    "5.0(side)": "FL FR FC SL SR",
    "5.1": "FL FR FC LFE BL BR",
    "5.1(side)": "FL FR FC LFE SL SR",
    "6.0": "FL FR FC BC SL SR",
    "6.0(front)": "FL FR FLC FRC SL SR",
    "hexagonal": "FL FR FC BL BR BC",
    "6.1": "FL FR FC LFE BC SL SR",
    "6.1(back)": "FL FR FC LFE BL BR BC",
    "6.1(front)": "FL FR LFE FLC FRC SL SR",
    "7.0": "FL FR FC BL BR SL SR",
    "7.0(front)": "FL FR FC FLC FRC SL SR",
    "7.1": "FL FR FC LFE BL BR SL SR",
    "7.1(wide)": "FL FR FC LFE BL BR FLC FRC",
    "7.1(wide-side)": "FL FR FC LFE FLC FRC SL SR",
    "octagonal": "FL FR FC BL BR BC SL SR",
}
_BY_SPEAKERS = {frozenset(speakers.split()): name for name, speakers in _STANDARD.items()}
_BESIDE = {"BL": "SL", "BR": "SR"}
"""Where one pair stands behind or beside the listener, it is the same two loudspeakers."""
_BASS = "LFE"  # others are mixed into what there is, this one is left out
_LISTED = re.compile(r"\d+ channels \(([A-Z+]+)\)")


def nameless(channels: int) -> str:
    """FFmpeg's name of a layout that only says how many channels there are."""
    return f"{channels} channels"


def is_nameless(layout: str) -> bool:
    """True for one that only says how many channels there are."""
    return layout.endswith(" channels")


def in_order(layout: str) -> tuple[str, tuple[int, ...]] | None:
    """For a layout that FFmpeg knows by a list of its channels only: the one of the same channels that has a name, and where each of its own stands."""
    found = _LISTED.fullmatch(layout)
    listed = found[1].split("+") if found else []
    return _places(listed)


def plain_layout(layout: str) -> str:
    """The layout by the name of the one with the same channels."""
    found = in_order(layout)
    return layout if found is None else found[0]


def speakers(layout: str) -> frozenset[str]:
    """Those of a layout that has a name; a single pair is beside the listener, also where it is called one behind."""
    listed = _STANDARD.get(layout, "").split()
    has_both_pairs = {"BL", "SL"} <= set(listed)
    return frozenset(listed if has_both_pairs else (_BESIDE.get(each, each) for each in listed))


def beside(layout: str, wanted: str) -> tuple[str, tuple[int, ...]] | None:
    """As :func:`in_order`, for a ``layout`` with one pair, behind the listener, where ``wanted`` has it beside: FFmpeg would mix both into one channel behind."""
    if _pairs(layout) != {"BL"} or _pairs(wanted) != {"SL"}:
        return None
    listed = [_BESIDE.get(each, each) for each in _STANDARD[layout].split()]
    return _places(listed)


def roomiest(layout: str, offered: Mapping[int, str]) -> int | None:
    """How many channels that of the ``offered`` layouts has that holds most of these speakers, and few besides; nothing where they aren't known."""
    wanted = speakers(layout)

    def room(count: int) -> tuple[bool, int, bool, int]:
        held = wanted & speakers(offered[count])
        return _BASS in held, len(held), count == len(wanted), -count

    return max(offered, key=room) if wanted else None


def _places(listed: Sequence[str]) -> tuple[str, tuple[int, ...]] | None:
    name = _BY_SPEAKERS.get(frozenset(listed))
    if name is None:
        return None
    standard = _STANDARD[name].split()
    return (name, tuple(map(listed.index, standard))) if len(listed) == len(standard) else None


def _pairs(layout: str) -> set[str]:
    return {"BL", "SL"} & set(_STANDARD.get(layout, "").split())
