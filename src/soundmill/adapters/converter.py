"""The engine as the service's :class:`~soundmill.service.ports.Converter`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from soundmill.engine import Job, Limits, Mill, idle_cores
from soundmill.model.formats import TargetFormat
from soundmill.model.options import ConversionOptions
from soundmill.model.sound import ConversionReport
from soundmill.service.ports import LocalSource


class MillConverter:
    """Converts with ``mill``, within ``limits``."""

    def __init__(self, mill: Mill, limits: Limits) -> None:
        self._mill = mill
        self._limits = limits

    def convert(
        self,
        sources: Sequence[LocalSource],
        directory: Path,
        target: TargetFormat,
        options: ConversionOptions,
        on_tick: Callable[[float], bool],
    ) -> tuple[Path, ConversionReport]:
        """See the port."""
        # Pieces buy latency and not throughput: only cores that would stay idle take part.
        first, *following = (each.path for each in sources)
        job = Job(
            first,
            directory,
            target,
            options,
            self._limits,
            encoders=idle_cores(),
            draws=True,
            following=tuple(following),
            names=tuple(each.name for each in sources),
        )
        made = self._mill.convert(job, on_tick)
        return made.path, made.report
