"""The secret of an installation, made at its first start."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from soundmill.model.errors import ConfigurationError
from soundmill.placing import write_new

_SHORTEST = 32


def kept_secret(path: Path) -> bytes:
    """What is in ``path``; made when it isn't there, readable for its owner only. Raises ``ConfigurationError``."""
    try:
        if not path.exists():
            with suppress(FileExistsError):
                write_new(path, secrets.token_hex(32).encode())
        secret = path.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"Can't keep the secret {path}: {error.strerror}.") from error
    if len(secret) < _SHORTEST:
        raise ConfigurationError(
            f"The secret {path} is damaged: it has {len(secret)} bytes, and {_SHORTEST} are the least. "
            "Restore it from a backup, or delete it: all have to log in again then."
        )
    return secret
