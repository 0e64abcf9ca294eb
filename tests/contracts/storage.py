"""What every storage guarantees (:class:`soundmill.service.ports.Storage`, ``Incoming`` and ``Workbench``).

A test module of an implementation subclasses both suites and gives the fixtures ``bed`` and ``fill_up``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soundmill.model.errors import NoRoom, NotFound, StorageError, TooLarge
from soundmill.model.tasks import Attempt
from soundmill.service.ports import Storage, StoredFile, Workbench

NOW, LONG_AGO = timedelta(0), timedelta(hours=1)
ATTEMPT = Attempt(task_id=7, number=3)
STRANGE_KEYS = (
    "",
    ".",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a" * 31,
    "A" * 32,
    "a" * 32 + "\n",
    "aa/" + "a" * 29,
    "é" * 32,
)

# One suite for several classes, and one storage for all examples: no example sees what another stored.
SHARED = settings(
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.differing_executors,
        HealthCheck.too_slow,
    ]
)

FillUp = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Bed:
    """One implementation: the API's and the worker's view of the same bytes.

    ``part`` is as much of an upload as gets into the storage before its commit.
    """

    storage: Storage
    workbench: Workbench
    part: bytes = b"half"

    def store(self, *chunks: bytes) -> StoredFile:
        incoming = self.storage.create(size_limit=1 << 20)
        for chunk in chunks:
            assert incoming.write(chunk) == len(chunk)
        return incoming.commit()

    def read(self, key: str) -> bytes:
        with self.storage.open(key) as stream:
            return stream.read()

    def visible(self) -> set[str]:
        return set(self.storage.keys(NOW))


class StorageContract:
    """The API's side."""

    @settings(SHARED, max_examples=40)
    @given(chunks=st.lists(st.binary(max_size=5000), max_size=8))
    def test_what_was_written_is_what_is_read_with_its_size_and_hash(self, bed: Bed, chunks: list[bytes]) -> None:
        stored = bed.store(*chunks)
        whole = b"".join(chunks)
        assert (stored.size, stored.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
        assert bed.read(stored.key) == whole

    def test_nothing_is_visible_before_the_commit(self, bed: Bed) -> None:
        incoming = bed.storage.create(size_limit=1 << 20)
        incoming.write(bed.part)
        assert bed.visible() == set()
        stored = incoming.commit()
        assert bed.visible() == {stored.key}

    @settings(SHARED, max_examples=20)
    @given(chunks=st.lists(st.binary(max_size=200), max_size=4))
    def test_an_abort_leaves_nothing(self, bed: Bed, chunks: list[bytes]) -> None:
        incoming = bed.storage.create(size_limit=1000)
        for chunk in chunks:
            incoming.write(chunk)
        incoming.abort()
        incoming.abort()
        assert bed.visible() == set()
        assert bed.storage.sweep_incoming(NOW) == 0
        with pytest.raises(StorageError):
            incoming.commit()

    def test_an_abort_after_the_commit_does_nothing(self, bed: Bed) -> None:
        incoming = bed.storage.create(size_limit=10)
        incoming.write(b"kept")
        stored = incoming.commit()
        incoming.abort()
        assert bed.read(stored.key) == b"kept"

    def test_a_second_commit_is_refused(self, bed: Bed) -> None:
        incoming = bed.storage.create(size_limit=10)
        incoming.commit()
        with pytest.raises(StorageError):
            incoming.commit()

    def test_a_file_may_be_as_large_as_the_limit_and_not_a_byte_larger(self, bed: Bed) -> None:
        incoming = bed.storage.create(size_limit=8)
        incoming.write(b"12345678")
        assert incoming.commit().size == 8
        incoming = bed.storage.create(size_limit=8)
        incoming.write(b"12345678")
        with pytest.raises(TooLarge, match="8 bytes"):
            incoming.write(b"9")
        assert bed.storage.sweep_incoming(NOW) == 0

    def test_more_than_there_is_room_for_is_refused_before_the_first_byte(self, bed: Bed) -> None:
        with pytest.raises(NoRoom):
            bed.storage.create(size_limit=1 << 62, expected_size=1 << 61)

    def test_a_full_disk_says_so_and_leaves_nothing(self, bed: Bed, fill_up: FillUp) -> None:
        incoming = bed.storage.create(size_limit=1 << 20)
        with fill_up(), pytest.raises(NoRoom, match="full"):
            incoming.write(bytes(1000))
        incoming.abort()
        assert bed.visible() == set()
        assert bed.storage.sweep_incoming(NOW) == 0

    def test_a_file_can_be_read_from_any_position(self, bed: Bed) -> None:
        with bed.storage.open(bed.store(b"0123456789").key) as stream:
            assert stream.seekable()
            assert stream.seek(7) == 7
            assert stream.read() == b"789"

    def test_a_missing_file_is_not_found(self, bed: Bed) -> None:
        with pytest.raises(NotFound):
            bed.storage.open("0" * 32)

    @pytest.mark.parametrize("key", STRANGE_KEYS)
    def test_a_key_that_is_none_is_not_found_and_deletes_nothing(self, bed: Bed, key: str) -> None:
        stored = bed.store(b"kept")
        with pytest.raises(NotFound):
            bed.storage.open(key)
        with pytest.raises(NotFound), bed.workbench.source(key):
            pass
        bed.storage.delete(key)
        assert bed.visible() == {stored.key}

    def test_a_deleted_file_is_gone_and_may_be_deleted_again(self, bed: Bed) -> None:
        stored = bed.store(b"gone")
        bed.storage.delete(stored.key)
        bed.storage.delete(stored.key)
        with pytest.raises(NotFound):
            bed.storage.open(stored.key)

    def test_a_file_that_is_being_read_may_be_deleted(self, bed: Bed) -> None:
        stored = bed.store(b"still here")
        with bed.storage.open(stored.key) as stream:
            bed.storage.delete(stored.key)
            assert stream.read() == b"still here"

    def test_keys_are_walked_by_age(self, bed: Bed) -> None:
        stored = {bed.store(bytes([number])).key for number in range(20)}
        assert set(bed.storage.keys(NOW)) == stored
        assert list(bed.storage.keys(LONG_AGO)) == []

    def test_keys_may_be_deleted_while_they_are_walked(self, bed: Bed) -> None:
        for number in range(20):
            bed.store(bytes([number]))
        for key in bed.storage.keys(NOW):
            bed.storage.delete(key)
        assert bed.visible() == set()

    def test_an_upload_that_broke_off_is_swept_by_age_and_cannot_be_committed(self, bed: Bed) -> None:
        incoming = bed.storage.create(size_limit=1 << 20)
        incoming.write(bed.part)
        assert bed.storage.sweep_incoming(LONG_AGO) == 0
        assert bed.storage.sweep_incoming(NOW) == 1
        with pytest.raises(StorageError):
            incoming.commit()
        assert bed.visible() == set()

    def test_a_working_storage_passes_its_check(self, bed: Bed) -> None:
        bed.storage.check()
        assert bed.visible() == set()
        assert bed.storage.sweep_incoming(NOW) == 0


class WorkbenchContract:
    """The worker's side."""

    def test_the_source_is_a_local_file(self, bed: Bed) -> None:
        with bed.workbench.source(bed.store(b"sound").key) as path:
            assert path.is_absolute()
            assert path.read_bytes() == b"sound"

    def test_a_missing_source_is_not_found(self, bed: Bed) -> None:
        with pytest.raises(NotFound), bed.workbench.source("0" * 32):
            pass

    def test_a_result_is_published_whole_with_its_size_and_hash(self, bed: Bed) -> None:
        with bed.workbench.scratch(ATTEMPT) as directory:
            result = directory / "result.mp3"
            result.write_bytes(b"result")
            stored = bed.workbench.publish(ATTEMPT, result)
            assert not result.exists()
        assert (stored.size, stored.sha256) == (6, hashlib.sha256(b"result").hexdigest())
        assert bed.read(stored.key) == b"result"

    def test_a_scratch_is_private_empty_and_gone_at_the_end(self, bed: Bed) -> None:
        with bed.workbench.scratch(ATTEMPT) as directory:
            assert list(directory.iterdir()) == []
            assert directory.stat().st_mode & 0o777 == 0o700
            (directory / "deep").mkdir()
            (directory / "deep" / "leftover").write_bytes(b"x")
        assert not directory.exists()

    def test_a_scratch_goes_also_when_the_work_fails(self, bed: Bed) -> None:
        with pytest.raises(ZeroDivisionError), bed.workbench.scratch(ATTEMPT) as directory:
            raise ZeroDivisionError
        assert not directory.exists()

    def test_leftovers_of_earlier_attempts_at_the_task_are_removed_first(self, bed: Bed) -> None:
        with (
            bed.workbench.scratch(Attempt(7, 2)) as earlier,
            bed.workbench.scratch(Attempt(70, 2)) as other_task,
            bed.workbench.scratch(ATTEMPT) as directory,
        ):
            assert not earlier.exists()
            assert other_task.exists()
            assert directory.exists()

    def test_a_result_from_elsewhere_is_refused(self, bed: Bed, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").write_bytes(b"secret")
        with bed.workbench.scratch(ATTEMPT) as directory, pytest.raises(StorageError):
            bed.workbench.publish(ATTEMPT, tmp_path / "elsewhere")
        assert not directory.exists()
        assert bed.visible() == set()

    def test_a_link_to_a_file_elsewhere_is_no_result(self, bed: Bed, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").write_bytes(b"secret")
        with bed.workbench.scratch(ATTEMPT) as directory:
            (directory / "link").symlink_to(tmp_path / "elsewhere")
            with pytest.raises((StorageError, NotFound)):
                bed.workbench.publish(ATTEMPT, directory / "link")
        assert bed.visible() == set()

    def test_a_pipe_is_no_result(self, bed: Bed) -> None:
        with bed.workbench.scratch(ATTEMPT) as directory:
            os.mkfifo(directory / "pipe")
            with pytest.raises(StorageError):
                bed.workbench.publish(ATTEMPT, directory / "pipe")
        assert bed.visible() == set()

    def test_left_scratches_are_told_by_age_and_swept(self, bed: Bed) -> None:
        with bed.workbench.scratch(ATTEMPT) as directory:
            assert list(bed.workbench.scratches(LONG_AGO)) == []
            assert list(bed.workbench.scratches(NOW)) == [ATTEMPT]
            bed.workbench.sweep(ATTEMPT)
            bed.workbench.sweep(ATTEMPT)
            assert not directory.exists()
            assert list(bed.workbench.scratches(NOW)) == []

    def test_what_is_lent_can_be_read_by_others_until_it_is_collected(self, bed: Bed, tmp_path: Path) -> None:
        with bed.workbench.scratch(ATTEMPT) as directory:
            (directory / "piece").write_bytes(b"sound")
            key = bed.workbench.lend(directory / "piece", 1000)
            with bed.workbench.source(key) as path:
                assert path.read_bytes() == b"sound"
            bed.workbench.collect(key, directory / "answer")
            assert (directory / "answer").read_bytes() == b"sound"
        with pytest.raises(NotFound), bed.workbench.source(key):
            pass
        assert bed.visible() == set()

    def test_what_is_lent_stays_when_the_file_goes(self, bed: Bed) -> None:
        with bed.workbench.blank() as path:
            path.write_bytes(b"sound")
            key = bed.workbench.lend(path, 1000)
        assert not path.exists()
        with bed.workbench.source(key) as copy:
            assert copy.read_bytes() == b"sound"

    def test_what_is_dropped_is_gone_and_may_be_dropped_again(self, bed: Bed) -> None:
        with bed.workbench.blank() as path:
            path.write_bytes(b"sound")
            key = bed.workbench.lend(path, 1000)
        bed.workbench.drop(key)
        bed.workbench.drop(key)
        assert bed.visible() == set()
        with pytest.raises(NotFound):
            bed.workbench.collect(key, path)

    def test_what_nobody_collects_is_a_file_without_a_row(self, bed: Bed) -> None:
        with bed.workbench.blank() as path:
            path.write_bytes(b"sound")
            key = bed.workbench.lend(path, 1000)
        assert bed.visible() == {key}
        bed.storage.delete(key)
        assert bed.visible() == set()

    def test_a_blank_is_empty_and_gone_at_the_end(self, bed: Bed) -> None:
        with bed.workbench.blank() as path:
            assert path.read_bytes() == b""
            path.write_bytes(b"sound")
        assert not path.exists()
        assert bed.visible() == set()

    def test_a_link_is_not_lent(self, bed: Bed, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"secret")
        with bed.workbench.scratch(ATTEMPT) as directory:
            (directory / "piece").symlink_to(tmp_path / "secret")
            with pytest.raises(StorageError):
                bed.workbench.lend(directory / "piece", 1000)
        assert bed.visible() == set()

    def test_what_is_too_large_is_not_lent(self, bed: Bed) -> None:
        with bed.workbench.blank() as path:
            path.write_bytes(bytes(1001))
            with pytest.raises(StorageError):
                bed.workbench.lend(path, 1000)
        assert bed.visible() == set()

    def test_what_stands_in_the_way_is_replaced_and_not_written_to(self, bed: Bed, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"secret")
        with bed.workbench.blank() as path:
            path.write_bytes(b"sound")
            key = bed.workbench.lend(path, 1000)
        with bed.workbench.scratch(ATTEMPT) as directory:
            (directory / "answer").symlink_to(tmp_path / "secret")
            bed.workbench.collect(key, directory / "answer")
            assert (directory / "answer").read_bytes() == b"sound"
        assert (tmp_path / "secret").read_bytes() == b"secret"
