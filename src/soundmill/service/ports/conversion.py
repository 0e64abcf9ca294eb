"""The engine, seen by a worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from soundmill.model.formats import TargetFormat
from soundmill.model.options import ConversionOptions
from soundmill.model.sound import ConversionReport


class Converter(Protocol):
    """Converts one file at a time, confined and verified."""

    def convert(
        self,
        source: Path,
        directory: Path,
        target: TargetFormat,
        options: ConversionOptions,
        on_tick: Callable[[float], bool],
    ) -> tuple[Path, ConversionReport]:
        """The verified result, a file inside ``directory``, and what was found.

        ``on_tick`` gets the progress (0 to 1) several times a second, also while there is none; when it gives False, the
        conversion is killed and ``ConversionStopped`` raised. Raises ``ConversionError`` when there is no result.
        """
        ...
