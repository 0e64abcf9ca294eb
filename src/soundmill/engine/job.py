"""One conversion as a value: what to read, what to write, how, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from soundmill.model.formats import TargetFormat
from soundmill.model.options import ConversionOptions


@dataclass(frozen=True, slots=True)
class Limits:
    """What one conversion may use before it is killed as a whole."""

    memory_bytes: int = 1 << 30
    cpu: timedelta = timedelta(hours=4)
    wall: timedelta = timedelta(hours=4)
    output_bytes: int = 64 << 30
    decoded: timedelta = timedelta(hours=100)
    """Longest sound that is decoded: 2.4 MB of FLAC can be 100 hours."""


@dataclass(frozen=True, slots=True)
class Job:
    """``source`` is read, ``directory`` (ours alone, empty) is where the result appears. Both are absolute."""

    source: Path
    directory: Path
    target: TargetFormat
    options: ConversionOptions = field(default_factory=ConversionOptions)
    limits: Limits = field(default_factory=Limits)
