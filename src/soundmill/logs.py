"""How the processes of the service log."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import MutableMapping
from typing import Any

import structlog


def configure_logs(level: str, form: str = "logfmt") -> None:
    """One line an event, to standard error, with the time and the level; ``level`` (debug, info, warning or error) and above.

    ``form`` is ``logfmt`` or ``json``.
    """
    as_json = structlog.processors.JSONRenderer(ensure_ascii=False)
    as_logfmt = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_controls,
            as_json if form == "json" else as_logfmt,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


class Seldom:
    """What goes wrong again and again is told once in a while."""

    def __init__(self, pause_seconds: float) -> None:
        self._pause_seconds = pause_seconds
        self._told_at: dict[str, float] = {}

    def may_tell(self, what: str) -> bool:
        """True where the same wasn't told for the pause."""
        moment = time.monotonic()
        is_due = moment - self._told_at.get(what, -math.inf) >= self._pause_seconds
        if is_due:
            self._told_at[what] = moment
        return is_due


def _without_controls(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Texts from files and requests are shown as they are, but can't move a terminal's cursor or begin a line of their own."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[key] = "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in value)
    return event
