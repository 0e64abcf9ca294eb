"""A worker that is to stop: from when, and until when its conversion may go on."""

from __future__ import annotations

import time
from datetime import timedelta


class Drain:
    """:meth:`begin` may be called by a signal handler or from another thread."""

    def __init__(self) -> None:
        self._ends_at: float | None = None

    @property
    def has_begun(self) -> bool:
        """Nothing new may be taken."""
        return self._ends_at is not None

    @property
    def is_over(self) -> bool:
        """What isn't done yet is given back."""
        return self._ends_at is not None and time.monotonic() >= self._ends_at

    def begin(self, grace: timedelta) -> None:
        """With ``grace`` for what runs; the first call counts."""
        if self._ends_at is None:
            self._ends_at = time.monotonic() + grace.total_seconds()
