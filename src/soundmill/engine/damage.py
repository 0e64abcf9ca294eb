"""Where a file is broken, told by the structure of its container."""

from __future__ import annotations

from dataclasses import dataclass

from soundmill.engine.text import clock
from soundmill.model.conversion import ConversionError, FailureCode


@dataclass(frozen=True, slots=True)
class Damage:
    """Sound is whole up to about ``seconds``; ``at_end`` when nothing but the end is missing. ``detail`` is for the log."""

    seconds: float
    at_end: bool
    detail: str

    def error(self) -> ConversionError:
        """What to raise for it."""
        said = "ends early: it is cut off after" if self.at_end else "is damaged after"
        return ConversionError(
            FailureCode.DAMAGED_INPUT, f"The file {said} {clock(self.seconds)}.", detail_for_log=self.detail
        )
