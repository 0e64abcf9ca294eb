"""Help that may come to a conversion that has one core: until then it goes on alone, which is quicker than in pieces."""

from __future__ import annotations

from soundmill.engine.parallel.crew import Crew

# With one who helps it goes nearly twice as fast from the begin on: later, less is gained than is thrown away.
_LATEST = 0.25


class HelpCame(Exception):
    """Somebody is there now: begin again, in pieces."""


class AwaitedHelp:
    """Hears how far the encoding is."""

    def __init__(self) -> None:
        """Nobody is awaited yet."""
        self._crew: Crew | None = None

    def call(self, crew: Crew) -> None:
        """Have somebody come who helps ``crew``."""
        self._crew = crew
        crew.call()

    def __call__(self, share: float) -> None:
        """Raises ``HelpCame``, unless it is too late for that."""
        if self._crew is None:
            return
        if self._crew.looks_for_help():
            raise HelpCame
        if share > _LATEST:
            self._crew.lend_no_more()
            self._crew = None
