"""Channel layouts whose channels stand in another order than encoders take them: Apple's programs have several."""

from __future__ import annotations

import re

# FFmpeg's names, with the channels in the order in which encoders get them.
_STANDARD = {
    "2.1": "FL FR LFE",
    "3.0": "FL FR FC",
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
    "6.1": "FL FR FC LFE BC SL SR",
    "6.1(back)": "FL FR FC LFE BL BR BC",
    "7.0": "FL FR FC BL BR SL SR",
    "7.1": "FL FR FC LFE BL BR SL SR",
    "7.1(wide)": "FL FR FC LFE BL BR FLC FRC",
}
_BY_SPEAKERS = {frozenset(speakers.split()): name for name, speakers in _STANDARD.items()}
_LISTED = re.compile(r"\d+ channels \(([A-Z+]+)\)")


def in_order(layout: str) -> tuple[str, tuple[int, ...]] | None:
    """For a layout that FFmpeg knows by a list of its channels only: the one of the same channels that has a name, and where each of its own stands."""
    found = _LISTED.fullmatch(layout)
    listed = found[1].split("+") if found else []
    name = _BY_SPEAKERS.get(frozenset(listed))
    if name is None:
        return None
    speakers = _STANDARD[name].split()
    return (name, tuple(map(listed.index, speakers))) if len(listed) == len(speakers) else None


def plain_layout(layout: str) -> str:
    """The layout by the name of the one with the same channels."""
    found = in_order(layout)
    return layout if found is None else found[0]
