"""Where a file is broken, told by the structure of its container."""

from __future__ import annotations

from dataclasses import dataclass

from soundmill.engine.text import clock
from soundmill.model.conversion import ConversionError, FailureCode


@dataclass(frozen=True, slots=True)
class Damage:
    """Sound is whole up to about ``seconds`` (``None``: nobody knows), bytes up to the one with the number ``byte``, from 0.

    ``at_end`` when nothing but the end is missing; ``detail`` is for the log.
    """

    seconds: float | None
    byte: int | None
    at_end: bool
    detail: str

    def error(self) -> ConversionError:
        """What to raise for it."""
        said = "ends early: it is cut off" if self.at_end else "is damaged"
        return ConversionError(
            FailureCode.DAMAGED_INPUT, f"The file {said} {self._place()}.", detail_for_log=self.detail
        )

    def _place(self) -> str:
        if self.seconds is None:
            return "somewhere" if self.byte is None else f"at byte {self.byte:,}"
        return f"after {clock(self.seconds)}" + ("" if self.byte is None else f" (byte {self.byte:,})")


@dataclass(frozen=True, slots=True)
class Row:
    """Parts of a file that follow each other. ``damage`` is the first place where they don't; from the byte ``end`` on there are none."""

    damage: Damage | None
    end: int
