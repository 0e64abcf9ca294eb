"""A file system of its own, to be filled."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotMounted(Exception):
    """Only root can, and not in every container."""


@contextmanager
def small_disk(directory: Path, options: str) -> Iterator[Path]:
    """In memory, at ``directory``, which is made; ``options`` are tmpfs(5)'s. Raises ``NotMounted``."""
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise NotMounted(ran.stderr.strip())
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)
