"""Where the disk is full a conversion says so, whatever library found it: it is to be tried again, and not the options' fault."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from soundmill.engine import Job, Limits, Mill
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.sounds import music, write


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("source") / "a.wav", music(8))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "small"
    directory.mkdir()
    size = ("-o", "size=64k")
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", *size, "tmpfs", directory], check=False).returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield directory
    subprocess.run(["umount", directory], check=True)


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_full_disk_is_the_storages_fault(mill: Mill, source: Path, small_disk: Path, name: str) -> None:
    job = Job(source, small_disk, FORMATS[name], ConversionOptions(), Limits())
    with pytest.raises(ConversionError) as caught:
        mill.convert(job, lambda fraction: True)
    assert (caught.value.failure.code, caught.value.failure.retryable) == (FailureCode.STORAGE, True)
