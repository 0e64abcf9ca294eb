"""The bucket keeps the contract on a real S3 server, and what a network and many machines ask for besides."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Buffer, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.synchronize import Event
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore

from soundmill.adapters.storage import Bucket, BucketMark, BucketStorage, BucketWorkbench
from soundmill.adapters.storage.bucket import objects, pieces
from soundmill.model.errors import ConfigurationError, NoRoom, NotFound, StorageError
from soundmill.model.tasks import Attempt
from tests.chaos.proxy import Proxy
from tests.contracts.storage import ATTEMPT, LONG_AGO, NOW, Bed, FillUp, StorageContract, WorkbenchContract
from tests.ports import free_port
from tests.servers import S3Server
from tests.waiting import until

PIECE_BYTES = 400
PART = os.urandom(3 * PIECE_BYTES)


@pytest.fixture
def bucket(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A prefix of its own: the bucket is everybody's."""
    return opened(s3, tmp_path.name, monkeypatch)


def opened(
    s3: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch, address: tuple[str, int] | None = None
) -> Bucket:
    with monkeypatch.context() as patch:
        for name, value in s3.environment(address).items():
            patch.setenv(name, value)
        return Bucket(f"s3://{s3.BUCKET}/{prefix}", allow_http=True)


@pytest.fixture
def bed(bucket: Bucket, tmp_path: Path) -> Bed:
    return Bed(
        BucketStorage(bucket, piece_bytes=PIECE_BYTES),
        BucketWorkbench(bucket, tmp_path / "data", piece_bytes=PIECE_BYTES),
        PART,
    )


def names(bucket: Bucket) -> set[str]:
    """Every object but the probes, which are always the same few."""
    return {each["path"] for each in bucket.list("")} - {f"probe/{number:02x}" for number in range(256)}


@contextmanager
def refusing_server(status: int, code: str) -> Iterator[tuple[str, int]]:
    """Answers each request as a server does that is full: none of those that we have can be filled."""

    class Refusal(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = f"<Error><Code>{code}</Code></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield ("127.0.0.1", server.server_port)
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(params=[(403, "QuotaExceeded"), (507, "XMinioStorageFull")], ids=lambda said: said[1])
def fill_up(request: pytest.FixtureRequest, bucket: Bucket, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> FillUp:
    @contextmanager
    def full() -> Iterator[None]:
        with refusing_server(*request.param) as address, monkeypatch.context() as patch:
            patch.setattr(objects, "_PATIENT", objects._PROMPT)
            patch.setattr(bucket, "_store", opened(s3, "full", monkeypatch, address)._store)
            yield

    return full


class TestBucketStorage(StorageContract):
    pass


class TestBucketWorkbench(WorkbenchContract):
    pass


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 7 * PIECE_BYTES - 1])
def test_a_file_of_any_size_comes_in_goes_out_and_leaves_nothing(bed: Bed, bucket: Bucket, size: int) -> None:
    content = os.urandom(size)
    uploaded = bed.store(content[: size // 3], content[size // 3 :])
    with bed.workbench.scratch(ATTEMPT) as directory:
        (directory / "result").write_bytes(content)
        published = bed.workbench.publish(ATTEMPT, directory / "result")
    for stored in (uploaded, published):
        assert (stored.size, stored.sha256) == (size, hashlib.sha256(content).hexdigest())
        assert bed.read(stored.key) == content
        with bed.workbench.source(stored.key) as path:
            assert path.read_bytes() == content
    assert bed.visible() == {uploaded.key, published.key}
    bed.storage.delete(uploaded.key)
    bed.storage.delete(published.key)
    assert names(bucket) == set()


def test_a_range_is_read_without_the_rest(bed: Bed, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    content = os.urandom(6 << 20)
    storage = BucketStorage(bucket, piece_bytes=1 << 20)
    incoming = storage.create(len(content))
    incoming.write(content)
    stored = incoming.commit()
    fetched: list[int] = []
    read_range = bucket.read_range

    def noted(name: str, start: int, end: int) -> Buffer:
        fetched.append(end - start)
        return read_range(name, start, end)

    monkeypatch.setattr(bucket, "read_range", noted)
    with storage.open(stored.key) as stream:
        for start, length in ((3_000_000, 10), (1_048_570, 12), (0, 5), (6 << 20, 9), ((6 << 20) - 3, 9)):
            stream.seek(start)
            assert stream.read(length) == content[start : start + length]
        assert sum(fetched) < 2 << 20
        stream.seek(0)
        assert stream.read() == content
    assert max(fetched) <= 1 << 20


def test_what_an_api_that_was_killed_in_the_middle_left_is_swept_by_anybody(bed: Bed, bucket: Bucket) -> None:
    bed.storage.create(1 << 20).write(PART)
    assert names(bucket) != set()
    assert BucketStorage(bucket).sweep_incoming(LONG_AGO) == 0
    assert BucketStorage(bucket).sweep_incoming(NOW) == 1
    assert names(bucket) == set()


def test_an_upload_that_was_swept_is_not_gone_on_with(
    bed: Bed, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "_MARK_SECONDS", 0.0)
    incoming = bed.storage.create(1 << 20)
    incoming.write(PART)
    assert bed.storage.sweep_incoming(NOW) == 1
    with pytest.raises(StorageError, match="too long"):
        incoming.write(PART)
    incoming.abort()
    assert names(bucket) == set()


def test_a_sweep_that_comes_too_late_leaves_the_file(bed: Bed, bucket: Bucket) -> None:
    stored = bed.store(PART)
    bucket.put(pieces.mark_name(stored.key), b"")  # as if the API had been killed before it removed it
    assert bed.storage.sweep_incoming(NOW) == 0
    assert bed.read(stored.key) == PART
    bed.storage.delete(stored.key)
    assert names(bucket) == set()


def test_an_upload_that_is_there_is_accepted_though_its_mark_cannot_be_removed(
    bed: Bed, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(names: Sequence[str]) -> None:
        raise StorageError("The storage can't remove a file: the bucket isn't reached.")

    with monkeypatch.context() as patch:
        patch.setattr(bucket, "delete", refuse)
        stored = bed.store(PART)
    assert bed.read(stored.key) == PART
    bed.storage.delete(stored.key)
    assert bed.storage.sweep_incoming(NOW) == 1
    assert names(bucket) == set()


@pytest.mark.parametrize("calls_until_the_crash", range(4))
def test_a_sweep_that_was_broken_off_anywhere_is_finished_by_the_next(
    bed: Bed, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, calls_until_the_crash: int
) -> None:
    bed.storage.create(1 << 20).write(PART)
    calls = iter(range(10))
    for name in ("create", "delete"):
        monkeypatch.setattr(bucket, name, _crashing(getattr(bucket, name), calls, calls_until_the_crash))
    with pytest.raises(KeyboardInterrupt):
        bed.storage.sweep_incoming(NOW)
    monkeypatch.undo()
    assert bed.storage.sweep_incoming(NOW) == 1
    assert names(bucket) == set()


def _crashing(act: object, calls: Iterator[int], last: int) -> object:
    def crash(*arguments: object) -> object:
        if next(calls) >= last:
            raise KeyboardInterrupt
        return act(*arguments)  # type: ignore[operator]

    return crash


def test_a_deletion_that_was_broken_off_is_seen_by_the_next_sweep(
    bed: Bed, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = bed.store(PART)
    with monkeypatch.context() as patch:
        patch.setattr(bucket, "delete", _crashing(bucket.delete, iter(range(9)), 1))
        with pytest.raises(KeyboardInterrupt):
            bed.storage.delete(stored.key)
    assert bed.visible() == {stored.key}
    bed.storage.delete(stored.key)
    assert names(bucket) == set()


def test_an_answer_that_was_lost_is_no_refusal(bucket: Bucket) -> None:
    assert bucket.create("first", b"mine")
    assert bucket.create("first", b"mine")
    assert not bucket.create("first", b"another's")


def test_a_bucket_that_cannot_be_reached_says_so_and_comes_back(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_PATIENT", replace(objects._PATIENT, retries=1))
    with closing(Proxy(s3.address)) as proxy:
        _check_that_it_comes_back(proxy, opened(s3, tmp_path.name, monkeypatch, proxy.address))


def _check_that_it_comes_back(proxy: Proxy, bucket: Bucket) -> None:
    storage = BucketStorage(bucket, piece_bytes=PIECE_BYTES)
    incoming = storage.create(1 << 20)
    incoming.write(PART)
    proxy.cut()
    for act in (storage.check, lambda: storage.open("0" * 32), lambda: list(storage.keys(NOW)), incoming.commit):
        with pytest.raises(StorageError):
            act()
    with pytest.raises(ConfigurationError):
        BucketMark(bucket).read()
    proxy.mend()
    until(lambda: _works(storage))
    assert storage.sweep_incoming(NOW) == 1


def _works(storage: BucketStorage) -> bool:
    try:
        storage.check()
    except StorageError:
        return False
    return True


def test_a_bucket_that_is_silent_is_no_working_one(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_PROMPT", replace(objects._PROMPT, request=timedelta(seconds=0.1)))
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(StorageError):
        opened(s3, tmp_path.name, monkeypatch, silent.getsockname()).check()


def test_wrong_credentials_and_a_missing_server_are_no_missing_file(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_PATIENT", objects._PROMPT)
    for name, value in {**s3.environment(), "AWS_SECRET_ACCESS_KEY": "guessed"}.items():
        monkeypatch.setenv(name, value)
    bucket = Bucket(f"s3://{s3.BUCKET}", allow_http=True)
    storage = BucketStorage(bucket)
    for act in (storage.check, lambda: storage.open("0" * 32)):
        with pytest.raises(StorageError, match="credentials"):
            act()
    told = set()
    for _ in range(3):
        with pytest.raises(ConfigurationError, match="credentials") as complaint:
            BucketMark(bucket).read()
        told.add(complaint.value.message)
    assert len(told) == 1, "whoever waits for the storage logs what is new"
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    storage = BucketStorage(Bucket(f"s3://{s3.BUCKET}", allow_http=True))
    for act in (storage.check, lambda: storage.open("0" * 32)):
        with pytest.raises(StorageError, match="reached"):
            act()


def test_a_missing_bucket_is_no_missing_file(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    bucket = Bucket("s3://no-such-bucket", allow_http=True)
    with pytest.raises(StorageError, match="no such bucket"):
        BucketStorage(bucket).open("0" * 32)
    with pytest.raises(ConfigurationError, match="no such bucket"):
        BucketMark(bucket).read()


@pytest.mark.parametrize("was_ever_written", [True, False])
def test_a_full_bucket_can_be_swept(
    bed: Bed, bucket: Bucket, s3: S3Server, monkeypatch: pytest.MonkeyPatch, was_ever_written: bool
) -> None:
    key = bed.store(PART).key
    if was_ever_written:
        bed.storage.check()
    put = obstore.put
    with refusing_server(507, "XMinioStorageFull") as address, monkeypatch.context() as patch:
        patch.setattr(objects, "_PATIENT", objects._PROMPT)
        full = opened(s3, "full", monkeypatch, address)._store
        patch.setattr(obstore, "put", lambda store, name, content, **how: put(full, name, content, **how))
        if was_ever_written:
            assert set(bed.storage.keys(NOW)) == {key}
        else:
            with pytest.raises(NoRoom):
                list(bed.storage.keys(NOW))


def test_plain_http_must_be_allowed(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StorageError, match="SOUNDMILL_STORAGE_ALLOW_HTTP"):
        BucketStorage(Bucket(f"s3://{s3.BUCKET}")).check()


def test_a_damaged_index_is_told(bed: Bed, bucket: Bucket) -> None:
    key = bed.store(PART).key
    bucket.put(pieces.index_name(key), b"?")
    with pytest.raises(StorageError, match="damaged"):
        bed.storage.open(key)


def test_a_piece_that_lost_bytes_is_no_source(bed: Bed, bucket: Bucket, s3: S3Server, tmp_path: Path) -> None:
    key = bed.store(PART).key
    bucket.put(pieces.piece_name(key, 1), b"short")
    with pytest.raises(StorageError), bed.workbench.source(key):
        pass
    assert list((tmp_path / "data" / "sources").iterdir()) == []


def test_a_bucket_that_keeps_something_else_than_it_was_given_is_not_believed(
    bed: Bed, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = bucket.put
    monkeypatch.setattr(bucket, "put", lambda name, content: put(name, content[:-1] if content else content))
    with pytest.raises(StorageError):
        bed.store(b"small")
    with pytest.raises(StorageError):
        bed.store(PART)


def test_a_full_disk_of_the_worker_s_is_no_room(bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = bed.store(PART).key

    def fail(*arguments: object, **named: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", fail)
        with pytest.raises(NoRoom), bed.workbench.source(key):
            pass
        patch.setattr(Path, "mkdir", fail)
        with pytest.raises(NoRoom), bed.workbench.scratch(ATTEMPT):
            pass
    assert list((tmp_path / "data" / "sources").iterdir()) == []


def test_a_source_is_gone_from_the_worker_afterwards(bed: Bed, tmp_path: Path) -> None:
    for content in (b"small", PART):
        with bed.workbench.source(bed.store(content).key) as path:
            assert path.stat().st_mode & 0o777 == 0o600
        assert not path.exists()


def _work(root: Path, attempt: Attempt, begun: Event) -> None:
    """A worker that is killed in the middle. It never speaks to its bucket: that would not survive the fork."""
    workbench = BucketWorkbench(Bucket("s3://none"), root)
    workbench._fetch = lambda key, path: None  # type: ignore[method-assign]
    with workbench.source("0" * 32), workbench.scratch(attempt) as directory:
        (directory / "half").write_bytes(b"half")
        begun.set()
        signal.pause()


def test_what_a_dead_worker_left_on_its_machine_is_removed_and_what_a_live_one_holds_stays(
    bed: Bed, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    workers = []
    for number in (1, 2):
        begun = context.Event()
        told = (tmp_path / "data", Attempt(number, 1), begun)
        workers.append(
            context.Process(target=_work, args=told, daemon=True)
        )  # it ends with the tests, whatever happens
        workers[-1].start()
        assert begun.wait(30)
    workers[0].kill()
    workers[0].join()
    with bed.workbench.scratch(ATTEMPT):
        left = {path.name for path in (tmp_path / "data" / "scratch").iterdir()}
        assert left == {"2-1", "7-3"}
    assert len(list((tmp_path / "data" / "sources").iterdir())) == 1
    workers[1].kill()
    workers[1].join()
    BucketWorkbench(Bucket("s3://none"), tmp_path / "data")
    assert not any(list((tmp_path / "data" / name).iterdir()) for name in ("scratch", "sources"))


def test_a_mark_is_written_once(bucket: Bucket) -> None:
    mark = BucketMark(bucket)
    assert mark.read() is None
    mark.write("1" * 32)
    mark.write("2" * 32)
    assert mark.read() == "1" * 32
    assert mark.place == bucket.url


def test_a_bucket_that_overwrites_what_it_must_not_is_refused_at_the_first_start(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = obstore.put
    monkeypatch.setattr(obstore, "put", lambda store, name, content, **given: put(store, name, content))
    with pytest.raises(ConfigurationError, match="If-None-Match"):
        BucketMark(bucket).write("1" * 32)
    assert names(bucket) == set()


def test_what_goes_while_it_is_created_is_created_again(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put("first", b"another's")
    read = bucket.read

    def read_too_late(name: str) -> bytes:
        bucket.delete([name])
        return read(name)

    monkeypatch.setattr(bucket, "read", read_too_late)
    assert bucket.create("first", b"mine")


def test_a_bucket_that_says_there_is_one_and_there_is_none_is_asked_a_few_times_only(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: object, **_options: object) -> None:
        raise AlreadyExistsError("status code: 409")

    monkeypatch.setattr(obstore, "put", refuse)
    monkeypatch.setattr(objects, "_CONFLICT_PAUSES", (0.0, 0.0))
    with pytest.raises(StorageError, match="and that it isn't"):
        bucket.create("first", b"mine")


def test_a_piece_that_arrives_after_its_upload_was_given_up_is_swept(
    bed: Bed, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, late = bucket.put, []

    def put_late(name: str, content: bytes | bytearray) -> None:
        if name.endswith("/000001"):
            late.append((name, content))
            raise StorageError("The storage can't write a file: the bucket isn't reached.")
        put(name, content)

    monkeypatch.setattr(bucket, "put", put_late)
    incoming = bed.storage.create(1 << 20)
    with pytest.raises(StorageError):
        incoming.write(PART)
    incoming.abort()
    put(*late[0])
    bed.storage.sweep_incoming(NOW)
    assert names(bucket) == set()


def test_a_store_that_minds_missing_objects_is_not_minded(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As GCS does; obstore's directory stands in for it."""
    (tmp_path / "store").mkdir()
    monkeypatch.setattr(bucket, "_store", LocalStore(tmp_path / "store"))
    for name in ("first", "second"):
        bucket.put(name, b"here")
    bucket.delete(["missing", "first", "missing too", "second"])
    assert names(bucket) == set()


def test_a_damaged_mark_is_told(bucket: Bucket) -> None:
    bucket.put("storage-id", b"?")
    with pytest.raises(ConfigurationError, match="damaged"):
        BucketMark(bucket).read()


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(ConfigurationError, match="SOUNDMILL_STORAGE_URL"):
        Bucket("nowhere")


def test_ages_are_the_bucket_s(bed: Bed, s3: S3Server, bucket: Bucket) -> None:
    stored = bed.store(b"now")
    stamped = obstore.head(s3.store(), f"{bucket.url.removeprefix(f's3://{s3.BUCKET}/')}/files/{stored.key}")
    assert (bucket.now() - stamped["last_modified"]).total_seconds() < 60


def test_a_file_that_was_deleted_while_it_was_read_breaks_off(bed: Bed) -> None:
    key = bed.store(PART).key
    with bed.storage.open(key) as stream:
        bed.storage.delete(key)
        with pytest.raises(StorageError, match="deleted"):
            stream.read()
    with pytest.raises(NotFound):
        bed.storage.open(key)
