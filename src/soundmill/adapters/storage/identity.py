"""Which storage this is: a file in its root, so that an unmounted or another directory is never taken for it."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from soundmill.adapters.storage.disk import our_errors, sync_directory
from soundmill.model.errors import ConfigurationError
from soundmill.placing import write_new

_NAME = "storage-id"
_IDENTITY = re.compile(r"[0-9a-f]{32}", re.ASCII)


class DirectoryMark:
    """See :class:`soundmill.service.ports.StorageMark`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def place(self) -> str:
        """See the port."""
        return str(self._root)

    def read(self) -> str | None:
        """See the port."""
        path = self._root / _NAME
        try:
            text = path.read_text().strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"Can't read {path}: {error}.") from error
        return checked_identity(text, str(path))

    def write(self, identity: str) -> None:
        """See the port."""
        with our_errors("keep the file that says whose it is"):
            with suppress(FileExistsError):
                write_new(self._root / _NAME, identity.encode())
            sync_directory(self._root)


def checked_identity(text: str, place: str) -> str:
    """``text`` itself. Raises ``ConfigurationError`` for what is no identity."""
    if not _IDENTITY.fullmatch(text):
        raise ConfigurationError(f"{place} is damaged: restore it from a backup.")
    return text
