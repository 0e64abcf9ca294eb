"""Files that appear whole under a name that is free: what is there already is never replaced."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EXDEV, errno.EMLINK})
"""How a file system says that it has no hard links (exFAT, some FUSE), or none from there to here."""


def move_to_free_name(made: Path, name: Path) -> None:
    """Unlike a rename. Raises ``FileExistsError`` where something has that name, and ``OSError``."""
    try:
        name.hardlink_to(made)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        # The name is taken first, then filled.
        os.close(os.open(name, os.O_CREAT | os.O_EXCL, 0o600))
        made.replace(name)
    else:
        made.unlink()


def write_new(name: Path, content: bytes) -> None:
    """A file for its owner only, on the disk when this returns. Raises ``FileExistsError`` where there is one, and ``OSError``."""
    descriptor, made = tempfile.mkstemp(prefix=f".{name.name}-", dir=name.parent)  # mode 0600
    try:
        with open(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        move_to_free_name(Path(made), name)
    finally:
        Path(made).unlink(missing_ok=True)
