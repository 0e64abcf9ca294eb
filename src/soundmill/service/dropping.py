"""Stored files that nothing stands for any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog

from soundmill.model.errors import SoundmillError

_log = structlog.get_logger()


def drop_all(delete: Callable[[str], None], keys: Iterable[str]) -> int:
    """Gives how many went. What can't be deleted now is swept later, as any file without a row."""
    dropped = 0
    for key in keys:
        try:
            delete(key)
            dropped += 1
        except SoundmillError as error:
            _log.info("a file stays for now", key=key, detail=error.for_log)
    return dropped
