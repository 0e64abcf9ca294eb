"""The directory keeps the contract, and what a disk and NFS ask for besides."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from soundmill.adapters.storage import DirectoryStorage, DirectoryWorkbench
from soundmill.adapters.storage import disk as disk_module
from soundmill.adapters.storage.disk import move_durably
from soundmill.model.errors import ConfigurationError, NoRoom, StorageError
from tests.contracts.storage import ATTEMPT, NOW, Bed, FillUp, StorageContract, WorkbenchContract


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def bed(root: Path) -> Bed:
    return Bed(DirectoryStorage(root, reserve_bytes=0), DirectoryWorkbench(root))


@pytest.fixture(params=[errno.ENOSPC, errno.EDQUOT], ids=errno.errorcode.get)
def fill_up(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FillUp:
    """The system call fails as it does on a full disk: real ones can't be had without rights."""

    def fail(*arguments: object) -> int:
        raise OSError(request.param, os.strerror(request.param))

    @contextmanager
    def full() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", fail)
            yield

    return full


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel itself refuses to write beyond ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestDirectoryStorage(StorageContract):
    pass


class TestDirectoryWorkbench(WorkbenchContract):
    pass


def test_the_kernel_s_own_refusal_is_no_room(bed: Bed) -> None:
    incoming = bed.storage.create(size_limit=1 << 20)
    with largest_file(4096), pytest.raises(NoRoom):
        incoming.write(bytes(5000))
    incoming.abort()
    assert bed.storage.sweep_incoming(NOW) == 0


def test_a_disk_that_fills_up_at_the_fsync_leaves_nothing_visible(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    incoming = bed.storage.create(size_limit=10)
    incoming.write(b"half")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(NoRoom):
            incoming.commit()
    assert bed.visible() == set()
    assert bed.storage.sweep_incoming(NOW) == 1


@pytest.mark.parametrize("is_read_elsewhere", [False, True])
def test_what_other_machines_read_does_not_stay_in_this_ones_memory(root: Path, is_read_elsewhere: bool) -> None:
    storage = DirectoryStorage(root, reserve_bytes=0, is_read_elsewhere=is_read_elsewhere)
    incoming = storage.create(size_limit=1 << 20)
    incoming.write(b"sound" * 50_000)
    with storage.open(incoming.commit().key) as file:
        is_cached = _is_in_memory(file.fileno())
        assert file.read() == b"sound" * 50_000
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if _is_in_memory(file.fileno()):
            pytest.skip("This file system is nowhere but in memory.")
    assert is_cached is not is_read_elsewhere


def _is_in_memory(descriptor: int) -> bool:
    try:
        return os.preadv(descriptor, [bytearray(4096)], 0, os.RWF_NOWAIT) > 0
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            pytest.skip("This file system doesn't tell what is in memory.")
        raise


def test_the_reserve_stays_free(root: Path) -> None:
    storage = DirectoryStorage(root, reserve_bytes=1 << 60)
    with pytest.raises(NoRoom):
        storage.create(size_limit=1)
    with pytest.raises(NoRoom):
        storage.check()


def test_the_reserve_is_watched_while_a_file_of_unknown_size_comes_in(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = DirectoryStorage(root, reserve_bytes=1000).create(size_limit=1 << 30)
    incoming.write(bytes(16 << 20))
    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", lambda path: os.statvfs_result((1, 1, 500, 500, 500, 0, 0, 0, 0, 255)))
        with pytest.raises(NoRoom):
            incoming.write(b"more")
    incoming.abort()


def test_directories_and_files_are_for_their_owner_only(bed: Bed, root: Path) -> None:
    stored = bed.store(b"private")
    with bed.workbench.scratch(ATTEMPT) as directory:
        (directory / "result").write_bytes(b"private")
        (directory / "result").chmod(0o644)
        published = bed.workbench.publish(ATTEMPT, directory / "result")
    modes = {path.relative_to(root).as_posix(): path.stat().st_mode & 0o777 for path in root.rglob("*")}
    files = {f"files/{key[:2]}/{key}" for key in (stored.key, published.key)}
    assert {mode for name, mode in modes.items() if name in files} == {0o600}
    assert {mode for name, mode in modes.items() if name not in files} == {0o700}


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=rf"{tmp_path}/file/data.*SOUNDMILL_DATA_DIR"):
        DirectoryStorage(tmp_path / "file" / "data")


def test_a_data_directory_that_cannot_be_written_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DirectoryStorage(root)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(ConfigurationError, match=r"can't be written"):
        DirectoryStorage(root)


def test_a_data_directory_that_vanished_fails_the_check(bed: Bed, root: Path) -> None:
    (root / "incoming").rmdir()
    with pytest.raises((StorageError, NoRoom)):
        bed.storage.check()


@pytest.mark.parametrize("name", ["files", "incoming"])
def test_a_data_directory_that_vanished_is_away_and_no_missing_file(bed: Bed, root: Path, name: str) -> None:
    stored = bed.store(b"there")
    incoming = bed.storage.create(10)
    (root / name).rename(root / "elsewhere")
    for call in (bed.storage.check, incoming.commit, lambda: bed.storage.create(10)):
        with pytest.raises(StorageError, match="away"):
            call()
    if name == "files":
        with pytest.raises(StorageError, match="away"):
            bed.storage.open(stored.key)
    (root / "elsewhere").rename(root / name)
    with bed.storage.open(stored.key) as stream:
        assert stream.read() == b"there"


def test_a_stale_handle_is_tried_again(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open, failures = os.open, iter([errno.ESTALE, errno.ESTALE])

    def sometimes_stale(*arguments: object, **named: object) -> int:
        if number := next(failures, None):
            raise OSError(number, os.strerror(number))
        return real_open(*arguments, **named)  # type: ignore[arg-type]

    stored = bed.store(b"there")
    monkeypatch.setattr(os, "open", sometimes_stale)
    with bed.storage.open(stored.key) as stream:
        assert stream.read() == b"there"


def test_a_handle_that_stays_stale_is_a_storage_error(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(*arguments: object, **named: object) -> int:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    stored = bed.store(b"there")
    monkeypatch.setattr(disk_module, "_STALE_PAUSES_SECONDS", (0.0,) * 5)
    monkeypatch.setattr(os, "open", stale)
    with pytest.raises(StorageError, match="open a file"):
        bed.storage.open(stored.key)


def test_a_rename_whose_answer_was_lost_has_worked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS repeats a request that got no answer, and the second finds the source gone."""
    real_rename = Path.rename

    def rename_twice(self: Path, target: Path) -> Path:
        real_rename(self, target)
        return real_rename(self, target)

    (tmp_path / "source").write_bytes(b"moved")
    monkeypatch.setattr(Path, "rename", rename_twice)
    move_durably(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"moved"


def test_two_machines_share_one_directory(root: Path) -> None:
    here, there = DirectoryStorage(root, reserve_bytes=0), DirectoryStorage(root, reserve_bytes=0)
    incoming = here.create(size_limit=10)
    incoming.write(b"shared")
    key = incoming.commit().key
    with there.open(key) as stream:
        assert stream.read() == b"shared"


def test_strange_names_in_the_data_directory_are_left_alone(bed: Bed, root: Path) -> None:
    stored = bed.store(b"x")
    (root / "files" / stored.key[:2] / ".nfs0001").touch()
    (root / "scratch" / "lost+found").mkdir()
    assert bed.visible() == {stored.key}
    assert list(bed.workbench.scratches(NOW)) == []


def test_a_work_directory_that_cannot_be_removed_yet_is_left_for_the_janitor(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*arguments: object, **named: object) -> None:
        raise OSError(errno.EBUSY, "busy")

    with monkeypatch.context() as patch, bed.workbench.scratch(ATTEMPT):
        patch.setattr("shutil.rmtree", busy)
    assert list(bed.workbench.scratches(NOW)) == [ATTEMPT]
    bed.workbench.sweep(ATTEMPT)
    assert list(bed.workbench.scratches(NOW)) == []


def test_a_file_system_without_hard_links_lends_copies(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*given: object, **named: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    with bed.workbench.blank() as path:
        path.write_bytes(b"sound")
        key = bed.workbench.lend(path, 1000)
        assert bed.read(key) == b"sound"
    bed.workbench.drop(key)
    assert bed.visible() == set()


def test_directories_between_which_no_file_moves_are_told(root: Path) -> None:
    root.mkdir()
    with TemporaryDirectory(dir="/dev/shm") as elsewhere:
        (root / "files").symlink_to(elsewhere)
        if root.stat().st_dev == Path(elsewhere).stat().st_dev:
            pytest.skip("temporary files lie in memory here, too")
        with pytest.raises(ConfigurationError, match="different file systems"):
            DirectoryStorage(root)
        assert not list((root / "incoming").iterdir())
