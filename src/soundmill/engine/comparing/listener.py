"""Who finds out what a result decodes to in less time than decoding it takes."""

from __future__ import annotations

from typing import Protocol

from soundmill.engine.comparing.facts import Decoded
from soundmill.engine.reading.source import Source


class Listener(Protocol):
    """Knows something of a result that need not be found out again."""

    def hear(self, result: Source) -> Decoded | None:
        """Nothing where only decoding it tells. Raises ``ConversionError`` with ``DAMAGED_INPUT`` or ``NO_AUDIO``."""
        ...
