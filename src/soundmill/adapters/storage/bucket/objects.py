"""The operations on a bucket of S3 or GCS that we need, retried and with our errors. Nothing here knows what the objects mean."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore, from_url

from soundmill.adapters.storage.told import no_such_file, storage_full
from soundmill.model.errors import ConfigurationError, NoRoom, NotFound, StorageError

if TYPE_CHECKING:
    from obstore import Bytes, ObjectMeta
    from obstore.store import BackoffConfig, ClientConfig, RetryConfig

_STATUS = re.compile(r"status code: (\d{3})")
_EMPTY_RANGE = "416"  # RFC 9110, section 15.5.17: of an empty object there is no range
# How MinIO, Ceph and others say that a disk or a quota is used up; 507 is what WebDAV says (RFC 4918, section 11.5).
_FULL = re.compile(
    r"status code: 507|<Code>(XMinioStorageFull|XMinioAdminBucketQuotaExceeded|QuotaExceeded|InsufficientCapacity)</Code>"
)

_NO_BUCKET = "<Code>NoSuchBucket</Code>"  # as S3 and GCS say, but to HEAD, whose answers have no body

_CONNECTING = timedelta(seconds=3)
_BACKOFF: BackoffConfig = {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=2), "base": 2}


@dataclass(frozen=True, slots=True)
class _Patience:
    """``request`` for one try, ``tries`` for all together."""

    request: timedelta
    tries: timedelta
    retries: int

    def client(self, *, allow_http: bool) -> ClientConfig:
        return {"connect_timeout": _CONNECTING, "timeout": self.request, "allow_http": allow_http}

    def retry(self) -> RetryConfig:
        return {"max_retries": self.retries, "retry_timeout": self.tries, "backoff": _BACKOFF}


# A request of at most a piece (see pieces.py) ends within this also at 300 KB/s. A bucket that is away for moments isn't noticed.
_PATIENT = _Patience(timedelta(seconds=30), timedelta(seconds=15), retries=20)
# Whoever asks for our health waits a few seconds only.
_PROMPT = _Patience(timedelta(seconds=3), timedelta(seconds=2), retries=1)

_CONFLICT_PAUSES = (0.01, 0.1, 0.5, 1.0, 2.0)  # seconds

_PAGE = 1000
_PROBES = "probe"


class Bucket:
    """``url`` is ``s3://bucket/prefix`` or ``gs://bucket/prefix``; endpoint, region and credentials come from the environment, as obstore reads it.

    Every method raises ``StorageError`` when the bucket doesn't do it, and ``NoRoom`` when it says that it is full.
    Must not cross a fork: obstore's threads don't.
    """

    def __init__(self, url: str, *, allow_http: bool = False) -> None:
        self.url = url
        self._store = _opened(url, allow_http, _PATIENT)
        self._prompt = _opened(url, allow_http, _PROMPT)

    def put(self, name: str, content: bytes | bytearray) -> None:
        """Write the object, whole or not at all; what was there is replaced. S3 checks its SHA-256 on arrival."""
        with _our_errors("write a file"):
            obstore.put(self._store, name, content, use_multipart=False)

    def create(self, name: str, content: bytes) -> bool:
        """Write the object unless there is one; of several at once the first wins. Gives whether it has this content now."""
        for pause in _CONFLICT_PAUSES:
            with _our_errors("write a file"):
                try:
                    obstore.put(self._store, name, content, mode="create")
                except AlreadyExistsError:
                    # A request that was repeated because its answer was lost finds what it has made itself.
                    with suppress(NotFound):
                        return self.read(name) == content
                else:
                    return True
            time.sleep(pause)  # it has just gone, or isn't there yet: S3 answers 409 to one of two at once
        raise StorageError("The storage can't write a file: the bucket says that it is there and that it isn't.")

    def read(self, name: str) -> bytes:
        """The whole object. Raises ``NotFound``."""
        with _our_errors("read a file"):
            return obstore.get(self._store, name).bytes().to_bytes()

    def read_range(self, name: str, start: int, end: int) -> Bytes:
        """The bytes from ``start`` to before ``end``, which the object must have. Raises ``NotFound``."""
        with _our_errors("read a file"):
            return obstore.get_range(self._store, name, start=start, end=end)

    def read_beginning(self, name: str, most: int) -> tuple[Bytes | bytes, int]:
        """At most so many of the first bytes, and the size of the whole. Raises ``NotFound``."""
        with _our_errors("read a file"):
            try:
                result = obstore.get(self._store, name, options={"range": (0, most)})
                return result.bytes(), result.meta["size"]
            except BaseError as error:
                if _status(error) != _EMPTY_RANGE:
                    raise
        return b"", 0

    def size(self, name: str) -> int:
        """What the bucket says that it holds, in bytes. Raises ``NotFound``."""
        with _our_errors("read a file"):
            return obstore.head(self._store, name)["size"]

    def delete(self, names: Sequence[str]) -> None:
        """Remove them, in no order; missing ones are no error."""
        with _our_errors("remove a file"):
            try:
                if names:
                    obstore.delete(self._store, names)
            except FileNotFoundError:  # S3 doesn't mind, GCS does
                for each in names:
                    with suppress(FileNotFoundError):
                        obstore.delete(self._store, each)

    def list(self, folder: str) -> Iterator[ObjectMeta]:
        """Every object below ``folder``, a page in memory at a time."""
        with _our_errors("list its files"):
            for page in obstore.list(self._store, folder, chunk_size=_PAGE):
                yield from page

    def now(self) -> datetime:
        """By the clock that stamps the objects: ours may differ. Writes one of a few fixed objects for that.

        In a full bucket, when one was last written: whoever sweeps by it takes too little, and makes room.
        """
        try:
            return self._probed(self._store)
        except NoRoom:
            if written := [each["last_modified"] for each in self.list(_PROBES)]:
                return max(written)
            raise

    def check(self) -> None:
        """Prove within seconds that it can be written."""
        self._probed(self._prompt)

    def _probed(self, store: ObjectStore) -> datetime:
        name = f"{_PROBES}/{secrets.token_hex(1)}"  # 256 names: GCS takes one write a second to each
        with _our_errors("write"):
            obstore.put(store, name, b"soundmill", use_multipart=False)
            return obstore.head(store, name)["last_modified"]


def _opened(url: str, allow_http: bool, patience: _Patience) -> ObjectStore:
    try:
        return from_url(url, client_options=patience.client(allow_http=allow_http), retry_config=patience.retry())
    except (BaseError, ValueError) as error:
        raise ConfigurationError(
            f"Can't use SOUNDMILL_STORAGE_URL={url}: {_first_line(error)}", detail_for_log=str(error)
        ) from error


@contextmanager
def _our_errors(doing: str) -> Iterator[None]:
    """Turn obstore's errors into ours: ``doing`` completes “The storage can't …”."""
    try:
        yield
    except FileNotFoundError as error:
        if _NO_BUCKET in str(error):
            raise StorageError(
                f"The storage can't {doing}: there is no such bucket.", detail_for_log=_first_line(error)
            ) from error
        raise no_such_file(_first_line(error)) from error
    except (BaseError, OSError) as error:
        if _FULL.search(str(error)):
            raise storage_full(_first_line(error)) from error
        raise StorageError(
            f"The storage can't {doing}: {_reason(error)}.", detail_for_log=_first_line(error)
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return "the bucket refuses our credentials"
    if "HTTP error: builder error" in str(error):
        return "the bucket's address isn't https://, and SOUNDMILL_STORAGE_ALLOW_HTTP isn't set"
    status = _status(error)
    return f"the bucket answers {status}" if status else "the bucket isn't reached"


def _status(error: Exception) -> str:
    found = _STATUS.search(str(error))
    return found[1] if found else ""


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
