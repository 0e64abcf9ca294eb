"""What lies where in the data directory."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from soundmill.adapters.storage.disk import our_errors
from soundmill.adapters.storage.keys import checked_key, new_key
from soundmill.model.errors import ConfigurationError, NotFound, StorageError


@dataclass(frozen=True, slots=True)
class Layout:
    """``files/ab/<key>`` holds what is safe, ``incoming/<key>`` what is being received, ``scratch/<task>-<attempt>/`` work.

    All three lie on one file system, so that a rename moves a file whole or not at all.
    """

    root: Path

    @classmethod
    def prepared(cls, root: Path) -> Layout:
        """The layout below ``root``, with its directories made for their owner only. Raises ``ConfigurationError``."""
        layout = cls(root.absolute())
        make_private(layout.root, layout.files, layout.incoming, layout.scratches)
        for each in (layout.incoming, layout.scratches):
            _check_that_files_move(each, layout.files)
        return layout

    @property
    def files(self) -> Path:
        """The directory of all that is safe."""
        return self.root / "files"

    @property
    def incoming(self) -> Path:
        """The directory of uploads under way."""
        return self.root / "incoming"

    @property
    def scratches(self) -> Path:
        """The directory of the work directories."""
        return self.root / "scratch"

    def check(self) -> None:
        """Raises ``StorageError`` where the directories aren't: most likely their disk isn't mounted."""
        with our_errors("look at its directories"):
            is_there = self.files.is_dir() and self.incoming.is_dir()
        if not is_there:
            raise StorageError("The storage is away. Try again later.", detail_for_log=f"{self.root} is gone")

    @contextmanager
    def telling_away_from_missing(self) -> Iterator[None]:
        """Let ``NotFound`` pass where the storage is there: one that is away would look like one whose files were deleted."""
        try:
            yield
        except NotFound:
            self.check()
            raise

    def file(self, key: str) -> Path:
        """Where ``key`` lies. 256 directories keep each small. Raises ``NotFound`` for what isn't a key."""
        return self.files / checked_key(key)[:2] / key


def make_private(root: Path, *directories: Path) -> None:
    """Make directories below the data directory ``root``, for their owner only. Raises ``ConfigurationError``."""
    try:
        for directory in directories:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(
            f"Can't make the data directory {root}: {reason}. Choose another with SOUNDMILL_DATA_DIR."
        ) from error
    for directory in directories:
        if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            raise ConfigurationError(
                f"The data directory {root} can't be written. Change its owner, or choose another with SOUNDMILL_DATA_DIR."
            )


def _check_that_files_move(source: Path, target: Path) -> None:
    """Tried and not looked up: subvolumes and mounts of one file system are apart, too. Raises ``ConfigurationError``."""
    name = new_key()
    try:
        (source / name).touch(mode=0o600)
        (source / name).rename(target / name)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise ConfigurationError(
                f"{source} and {target} lie on different file systems: no file can be moved whole from one into the other. "
                "Choose one for all of them with SOUNDMILL_DATA_DIR."
            ) from error
        # A full disk, say, tells nothing of it.
    finally:
        for directory in (source, target):
            with suppress(OSError):
                (directory / name).unlink(missing_ok=True)
