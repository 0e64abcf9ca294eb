"""The engine, seen by a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from soundmill.model.formats import TargetFormat
from soundmill.model.helping import Helpers
from soundmill.model.options import ConversionOptions
from soundmill.model.sound import ConversionReport


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A file of this machine, and what people call it."""

    path: Path
    name: str


class Converter(Protocol):
    """Converts one file at a time, or several into one, confined and verified."""

    @property
    def build(self) -> str:
        """The versions of all that has a part in a result."""
        ...

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
        """The verified result, a file inside ``directory``, and what was found. Several sources are joined, in their order.

        ``on_tick`` gets the progress (0 to 1) several times a second, also while there is none; when it gives False, the
        conversion is killed and ``ConversionStopped`` raised. Raises ``ConversionError`` when there is no result. ``helpers`` may
        encode pieces of it, if there are any. Files of one ``account`` needn't be kept from each other.
        """
        ...

    def encode_piece(self, piece: Path, answer: Path, on_tick: Callable[[float], bool]) -> None:
        """Encode a ``piece`` of a conversion that runs elsewhere into ``answer``, a file that is there and empty. Raises as :meth:`convert` does."""
        ...
