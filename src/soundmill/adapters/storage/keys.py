"""The names of stored files: ours alone, random, and the only ones that become paths."""

from __future__ import annotations

import re
import uuid

from soundmill.adapters.storage.told import no_such_file

_KEY = re.compile(r"[0-9a-f]{32}", re.ASCII)


def new_key() -> str:
    """A key that nobody can guess and that never comes twice."""
    return uuid.uuid4().hex


def is_key(name: str) -> bool:
    """True for what :func:`new_key` gives."""
    return _KEY.fullmatch(name) is not None


def checked_key(key: str) -> str:
    """``key`` itself. Raises ``NotFound`` for anything that we can't have made, so that no ``../`` reaches a path."""
    if not is_key(key):
        raise no_such_file()
    return key
