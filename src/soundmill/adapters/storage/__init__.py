"""Where bytes live: a directory, local or on NFS; a bucket; and memory for tests."""

from soundmill.adapters.storage.bucket import Bucket, BucketMark, BucketStorage, BucketWorkbench
from soundmill.adapters.storage.directory import DirectoryStorage
from soundmill.adapters.storage.identity import DirectoryMark
from soundmill.adapters.storage.layout import Layout
from soundmill.adapters.storage.memory import MemoryStorage, MemoryWorkbench
from soundmill.adapters.storage.workbench import DirectoryWorkbench

__all__ = [
    "Bucket",
    "BucketMark",
    "BucketStorage",
    "BucketWorkbench",
    "DirectoryMark",
    "DirectoryStorage",
    "DirectoryWorkbench",
    "Layout",
    "MemoryStorage",
    "MemoryWorkbench",
]
