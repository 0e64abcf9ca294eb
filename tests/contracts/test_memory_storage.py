"""The storage in memory keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from soundmill.adapters.storage import MemoryStorage, MemoryWorkbench
from tests.contracts.storage import Bed, FillUp, StorageContract, WorkbenchContract


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def bed(storage: MemoryStorage) -> Iterator[Bed]:
    workbench = MemoryWorkbench(storage)
    yield Bed(storage, workbench)
    workbench.close()


@pytest.fixture
def fill_up(storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch) -> FillUp:
    def full() -> AbstractContextManager[object]:
        context = monkeypatch.context()
        storage.capacity_bytes = 0
        return context

    return full


class TestMemoryStorage(StorageContract):
    pass


class TestMemoryWorkbench(WorkbenchContract):
    pass
