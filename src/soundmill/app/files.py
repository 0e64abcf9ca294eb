"""Where the files are, by the settings: in a directory that all machines see, or in a bucket."""

from __future__ import annotations

from functools import cached_property

from soundmill.adapters.storage import (
    Bucket,
    BucketMark,
    BucketStorage,
    BucketWorkbench,
    DirectoryMark,
    DirectoryStorage,
    DirectoryWorkbench,
    Layout,
)
from soundmill.service.ports import Storage, StorageMark, Workbench
from soundmill.settings import Settings


class FileParts:
    """What the API and what workers see of them. Each part is made when it is first asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def make_data_directory(self) -> None:
        """Where something is kept on this machine: with a bucket and servers for all else nothing is."""
        if self.bucket is None:
            Layout.prepared(self._settings.data_dir)
        elif self._settings.sqlite_path or not self._settings.effective_broker_url:
            self._settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)

    @cached_property
    def bucket(self) -> Bucket | None:
        """Nothing where a directory holds them."""
        url = self._settings.storage_url
        return Bucket(url, allow_http=self._settings.storage_allow_http) if url else None

    @cached_property
    def storage(self) -> Storage:
        """As the API sees them."""
        if self.bucket:
            return BucketStorage(self.bucket)
        reserve, has_broker = self._settings.storage_reserve, bool(self._settings.effective_broker_url)
        return DirectoryStorage(self._settings.data_dir, reserve_bytes=reserve, is_read_elsewhere=has_broker)

    @cached_property
    def workbench(self) -> Workbench:
        """As a worker sees them."""
        if self.bucket:
            return BucketWorkbench(self.bucket, self._settings.data_dir)
        return DirectoryWorkbench(self._settings.data_dir)

    @cached_property
    def mark(self) -> StorageMark:
        """Tells whose files these are."""
        return BucketMark(self.bucket) if self.bucket else DirectoryMark(self._settings.data_dir)
