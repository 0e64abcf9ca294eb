"""Files and directories of this machine that belong to whoever holds them, and are abandoned once that process is dead.

Locks of the kernel (flock), which end with their process however it ends. On a local disk only: over NFS they hang with a dead client.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One process of this machine at a time: what is just made isn't held yet, and must not be taken for abandoned."""
    descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """While the context lasts nobody takes ``path`` for abandoned. To be begun :func:`alone`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def is_abandoned(path: Path) -> bool:
    """True when nobody holds it; False also when that can't be told. To be asked :func:`alone`."""
    try:
        with held(path):
            return True
    except OSError:
        return False
