"""The secret of an installation, made at its first start."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from soundmill.model.errors import ConfigurationError


def kept_secret(path: Path) -> bytes:
    """What is in ``path``; made when it isn't there, readable for its owner only. Raises ``ConfigurationError``."""
    if not path.exists():
        with suppress(FileExistsError):
            _write_whole(path, secrets.token_hex(32).encode())
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"Can't read the secret {path}: {error.strerror}.") from error


def _write_whole(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
    temporary = Path(name)
    with open(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
    try:
        os.link(temporary, path)  # unlike a rename it never replaces what another process just made
    finally:
        temporary.unlink()
