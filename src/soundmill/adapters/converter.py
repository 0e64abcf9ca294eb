"""The engine as the service's :class:`~soundmill.service.ports.Converter`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from soundmill.engine import Job, Limits, Mill, PieceJob, build, idle_cores
from soundmill.model.formats import TargetFormat
from soundmill.model.helping import Helpers
from soundmill.model.options import ConversionOptions
from soundmill.model.sound import ConversionReport
from soundmill.service.ports import LocalSource


class MillConverter:
    """Converts with ``mill``, within ``limits``."""

    def __init__(self, mill: Mill, limits: Limits) -> None:
        self._mill = mill
        self._limits = limits

    @property
    def build(self) -> str:
        """See the port."""
        return build()

    def convert(
        self,
        sources: Sequence[LocalSource],
        directory: Path,
        target: TargetFormat,
        options: ConversionOptions,
        on_tick: Callable[[float], bool],
        helpers: Helpers | None = None,
        account: str = "",
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
            may_be_helped=helpers is not None,
            draws=True,
            following=tuple(following),
            names=tuple(each.name for each in sources),
            account=account,
        )
        made = self._mill.convert(job, on_tick, helpers)
        return made.path, made.report

    def encode_piece(self, piece: Path, answer: Path, on_tick: Callable[[float], bool]) -> None:
        """See the port."""
        self._mill.encode_piece(PieceJob(piece, answer, self._limits), on_tick)
