"""The outline of a sound, small enough to be stored with it and drawn at once."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_COLUMNS = 3600
"""Sounds of more than a few seconds have at least half as many: enough for the width of a screen."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """``peaks`` are signed bytes, two a column: the lowest and the highest sample of any channel, full scale being 128.

    A column stands for ``samples_per_column`` samples; the last one may stand for fewer.
    """

    sample_rate: int
    samples_per_column: int
    peaks: bytes

    @property
    def columns(self) -> int:
        """How many there are."""
        return len(self.peaks) // 2

    def values(self) -> list[int]:
        """The peaks as numbers from -128 to 127: low, high, low, high …"""
        return list(memoryview(self.peaks).cast("b"))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "sample_rate": self.sample_rate,
            "samples_per_column": self.samples_per_column,
            "peaks": base64.b64encode(self.peaks).decode(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Waveform:
        """The inverse of :meth:`as_dict`. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for what is none."""
        peaks = base64.b64decode(values["peaks"], validate=True)
        rate, samples = values["sample_rate"], values["samples_per_column"]
        if (
            len(peaks) % 2
            or len(peaks) > 2 * MOST_COLUMNS
            or not all(isinstance(n, int) and n > 0 for n in (rate, samples))
        ):
            raise ValueError("no waveform")
        return cls(rate, samples, peaks)
