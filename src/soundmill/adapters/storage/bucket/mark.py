"""Which storage this is: an object in the bucket, so that another one is never taken for it."""

from __future__ import annotations

from soundmill.adapters.storage.bucket.objects import Bucket
from soundmill.adapters.storage.identity import checked_identity
from soundmill.adapters.storage.keys import new_key
from soundmill.model.errors import ConfigurationError, NotFound, StorageError

_NAME = "storage-id"


class BucketMark:
    """See :class:`soundmill.service.ports.StorageMark`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    @property
    def place(self) -> str:
        """See the port."""
        return self._bucket.url

    def read(self) -> str | None:
        """See the port."""
        try:
            content = self._bucket.read(_NAME)
        except NotFound:
            return None
        except StorageError as error:
            # The detail tells how long each request took: who waits for the storage would take it for news each time.
            raise ConfigurationError(
                f"Can't read {self._bucket.url}/{_NAME}. {error.message}", detail_for_log=error.detail_for_log
            ) from error
        return checked_identity(content.decode(errors="replace").strip(), f"{self._bucket.url}/{_NAME}")

    def write(self, identity: str) -> None:
        """See the port. Raises ``ConfigurationError`` for a bucket that can't tell the first of several from the others."""
        self._check_that_the_first_wins()
        self._bucket.create(_NAME, identity.encode())

    def _check_that_the_first_wins(self) -> None:
        name = f"probe/{new_key()}"
        self._bucket.create(name, b"first")
        is_overwritten = self._bucket.create(name, b"second")
        self._bucket.delete([name])
        if is_overwritten:
            raise ConfigurationError(
                f"{self._bucket.url} can't be used: its server overwrites what it was told not to (If-None-Match)."
            )
