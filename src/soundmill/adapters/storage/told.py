"""What every storage says in the same words."""

from __future__ import annotations

from soundmill.model.errors import NoRoom, NotFound, StorageError


def no_such_file(detail: str = "") -> NotFound:
    """There is nothing under the key."""
    return NotFound("There is no such file in the storage.", detail_for_log=detail)


def storage_full(detail: str = "") -> NoRoom:
    """It has no room, or its quota is used up."""
    return NoRoom("The storage is full. Free some space, or try again later.", detail_for_log=detail)


def upload_swept() -> StorageError:
    """A janitor took an upload for one that nobody continues."""
    return StorageError("The upload took too long and was removed. Try again.")


def upload_over() -> StorageError:
    """It was committed or aborted, and takes no more."""
    return StorageError("This upload is already over.")
