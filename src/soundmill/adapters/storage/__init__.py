"""Where bytes live: a directory, local or on NFS, and memory for tests."""

from soundmill.adapters.storage.directory import DirectoryStorage
from soundmill.adapters.storage.identity import DirectoryMark
from soundmill.adapters.storage.memory import MemoryStorage, MemoryWorkbench
from soundmill.adapters.storage.workbench import DirectoryWorkbench

__all__ = ["DirectoryMark", "DirectoryStorage", "DirectoryWorkbench", "MemoryStorage", "MemoryWorkbench"]
