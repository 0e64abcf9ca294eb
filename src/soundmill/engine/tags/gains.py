"""Replay gain by its two names: decibels to -18 LUFS, as text, and in Opus 256ths of a decibel to -23 LUFS."""

from __future__ import annotations

import re
from collections.abc import Mapping

# RFC 7845, section 5.2.1, and wiki.hydrogenaud.io, ReplayGain 2.0.
_REPLAY_GAINS = {"r128_track_gain": "replaygain_track_gain", "r128_album_gain": "replaygain_album_gain"}
# ReplayGain and R 128, iTunes' Sound Check, and Windows Media Player's.
_MEASURED = ("replaygain_", "r128_", "itunnorm", "averagelevel", "peakvalue")
_UNITS_A_DECIBEL = 256
_DECIBELS_BETWEEN = 5.0
_RANGE = range(-(1 << 15), 1 << 15)
_DECIBELS = re.compile(r"\s*([+-]?\d{1,3}(?:\.\d{1,20})?)\s*(?:dB)?\s*", re.IGNORECASE)
_UNITS = re.compile(r"\s*([+-]?\d{1,5})\s*")


def is_measured(name: str) -> bool:
    """True of tags that say how loud the sound is, by their names in lower case."""
    return name.startswith(_MEASURED)


def gains_by_other_name(tags: Mapping[str, str], *, is_ogg_opus: bool) -> dict[str, str]:
    """The gains that ``tags`` have only by the other name, by the one that players look for in Ogg Opus, or else in all other files."""
    added = {}
    for of_opus, of_others in _REPLAY_GAINS.items():
        wanted, there = (of_opus, of_others) if is_ogg_opus else (of_others, of_opus)
        text = tags.get(there)
        if text is not None and wanted not in tags:
            gain = _units(text) if is_ogg_opus else _decibels(text)
            if gain is not None:
                added[wanted] = gain
    return added


def _units(text: str) -> str | None:
    found = _DECIBELS.fullmatch(text)
    units = round((float(found[1]) - _DECIBELS_BETWEEN) * _UNITS_A_DECIBEL) if found else None
    return str(units) if units in _RANGE else None


def _decibels(text: str) -> str | None:
    found = _UNITS.fullmatch(text)
    units = int(found[1]) if found else None
    return f"{units / _UNITS_A_DECIBEL + _DECIBELS_BETWEEN:+.2f} dB" if units is not None and units in _RANGE else None
