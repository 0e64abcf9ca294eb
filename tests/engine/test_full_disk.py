"""Where the disk is full a conversion says so, whatever library found it: it is to be tried again, and not the options' fault."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from soundmill.engine import Job, Limits, Mill
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.disks import NotMounted
from tests.disks import small_disk as mounted_disk
from tests.engine.test_hostile import with_cover
from tests.sounds import encoded, jpeg, music, write


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("source") / "a.wav", music(8))


@pytest.fixture(scope="module")
def covered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A moment of sound with a cover that has no room beside it."""
    source = encoded(tmp_path_factory.mktemp("covered"), "a.flac", "-metadata", "title=Moment", samples=music(0.1))
    return with_cover(source, jpeg() + bytes(100_000))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with ExitStack() as mounted:
        try:
            directory = mounted.enter_context(mounted_disk(tmp_path / "small", "size=64k"))
        except NotMounted as error:
            pytest.skip(f"a small disk can be mounted by root only: {error}")
        yield directory


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_full_disk_is_the_storages_fault(mill: Mill, source: Path, small_disk: Path, name: str) -> None:
    job = Job(source, small_disk, FORMATS[name], ConversionOptions(), Limits())
    with pytest.raises(ConversionError) as caught:
        mill.convert(job, lambda fraction: True)
    assert (caught.value.failure.code, caught.value.failure.retryable) == (FailureCode.STORAGE, True)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "webm"])
def test_a_disk_that_is_full_when_the_cover_is_written_is_the_storages_fault(
    mill: Mill, covered: Path, small_disk: Path, name: str
) -> None:
    job = Job(covered, small_disk, FORMATS[name], ConversionOptions(), Limits())
    with pytest.raises(ConversionError) as caught:
        mill.convert(job, lambda fraction: True)
    assert (caught.value.failure.code, caught.value.failure.retryable) == (FailureCode.STORAGE, True)


@pytest.mark.parametrize("name", ["flac", "mka"])
def test_a_disk_that_is_full_while_packets_are_copied_is_the_storages_fault(
    mill: Mill, tmp_path: Path, small_disk: Path, name: str
) -> None:
    job = Job(encoded(tmp_path, "a.flac", samples=music(8)), small_disk, FORMATS[name], ConversionOptions(), Limits())
    with pytest.raises(ConversionError) as caught:
        mill.convert(job, lambda fraction: True)
    assert (caught.value.failure.code, caught.value.failure.retryable) == (FailureCode.STORAGE, True)


@pytest.mark.parametrize("left_kilobytes", [4, 8, 12])
@pytest.mark.parametrize("name", [name for name in FORMATS if name not in {"wav", "aiff"}])
def test_a_disk_that_is_full_at_the_end_is_the_storages_fault(
    mill: Mill, tmp_path: Path, small_disk: Path, name: str, left_kilobytes: int
) -> None:
    """What a library writes at the close only, too: where there is no room it finds none, or has all it needs."""
    source = write(tmp_path / "a.wav", music(0.2))
    (small_disk / "other").write_bytes(bytes((64 - left_kilobytes) << 10))
    job = Job(source, small_disk, FORMATS[name], ConversionOptions(), Limits())
    failures = []
    try:
        mill.convert(job, lambda fraction: True)
    except ConversionError as error:
        failures.append(error.failure)
    assert [each for each in failures if (each.code, each.retryable) != (FailureCode.STORAGE, True)] == []


@pytest.mark.parametrize("name", ["mp3", "ogg", "wav"])
def test_a_storage_that_became_read_only_is_the_storages_fault(
    mill: Mill, source: Path, small_disk: Path, name: str
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    job = Job(source, small_disk, FORMATS[name], ConversionOptions(), Limits())
    with pytest.raises(ConversionError) as caught:
        mill.convert(job, lambda fraction: True)
    assert (caught.value.failure.code, caught.value.failure.retryable) == (FailureCode.STORAGE, True)
