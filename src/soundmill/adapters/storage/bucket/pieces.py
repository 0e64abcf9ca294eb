"""How a file lies in the bucket.

A file of at most a piece is one object, ``files/<key>``. A larger one is pieces, ``pieces/<key>/<number>``, put as they come in, and
``files/<key>.index``, which makes it visible and is put last. Until then ``incoming/<key>`` says that pieces are under way, so that what a
killed process leaves behind is found by whoever sweeps. Every object is put whole by one request: docs/decisions/0008 says why so.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from soundmill.adapters.storage.bucket.objects import Bucket
from soundmill.adapters.storage.keys import checked_key
from soundmill.adapters.storage.told import no_such_file, upload_swept
from soundmill.model.errors import NotFound, StorageError

PIECE_BYTES = 8 << 20
MOST_PIECES = 1_000_000

FILES, INCOMING = "files", "incoming"
_INDEX = ".index"
_SWEPT = b""  # an index that says: this upload was given up, and its pieces go
_MARK_SECONDS = 10.0


def whole_name(key: str) -> str:
    """The object of a small file. Raises ``NotFound`` for what isn't a key."""
    return f"{FILES}/{checked_key(key)}"


def index_name(key: str) -> str:
    """The object that makes a large file visible."""
    return whole_name(key) + _INDEX


def mark_name(key: str) -> str:
    """The object that says that a large file is coming in."""
    return f"{INCOMING}/{key}"


def key_of(name: str) -> str:
    """The key in the name of any of these objects."""
    return name.rpartition("/")[2].removesuffix(_INDEX)


@dataclass(frozen=True, slots=True)
class Index:
    """Of a file in pieces: ``size`` in bytes, and that of each piece but the last."""

    size: int
    piece_bytes: int

    @classmethod
    def read(cls, bucket: Bucket, key: str) -> Index:
        """Raises ``NotFound``."""
        content = bucket.read(index_name(key))
        if content == _SWEPT:
            raise no_such_file()
        try:
            given = json.loads(content)
            return cls(int(given["size"]), int(given["pieceBytes"]))
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError("The storage can't read a file: its index is damaged.", detail_for_log=key) from error

    def content(self) -> bytes:
        """As it is stored."""
        return json.dumps({"size": self.size, "pieceBytes": self.piece_bytes}).encode()

    def pieces(self) -> Iterator[tuple[int, int]]:
        """Number and size of each."""
        for number, start in enumerate(range(0, self.size, self.piece_bytes)):
            yield number, min(self.piece_bytes, self.size - start)


def piece_name(key: str, number: int) -> str:
    """The object of a piece; names sort as numbers do."""
    return f"{_folder(key)}/{number:06d}"


def remove_pieces(bucket: Bucket, key: str) -> None:
    """All that there are."""
    bucket.delete([each["path"] for each in bucket.list(_folder(key))])


def remove_file(bucket: Bucket, key: str) -> None:
    """Pieces first: a crash between them leaves what is visible, and that is swept again."""
    remove_pieces(bucket, key)
    bucket.delete([whole_name(key), index_name(key)])


class PiecewiseUpload:
    """A large file on its way in. :meth:`put` may be called by several threads, for different pieces."""

    def __init__(self, bucket: Bucket, key: str, piece_bytes: int) -> None:
        self._bucket = bucket
        self._key = key
        self._piece_bytes = piece_bytes
        self._marked_at: float | None = None
        self._may_arrive_late = False

    def put(self, number: int, content: bytes | bytearray) -> None:
        """Store a piece."""
        self._mark()
        try:
            self._bucket.put(piece_name(self._key, number), content)
        except StorageError:
            self._may_arrive_late = True
            raise

    def finish(self, size: int) -> None:
        """Make it visible. Raises ``StorageError`` when pieces are missing: the upload was swept meanwhile."""
        index = Index(size, self._piece_bytes)
        # A crash before this leaves a mark with pieces, after it a file without a row: both are swept.
        if not self._bucket.create(index_name(self._key), index.content()):
            raise _swept()
        # Whoever swept this has taken the index first, or finds ours: so pieces that are there now stay.
        found = {each["path"]: each["size"] for each in self._bucket.list(_folder(self._key))}
        if found != {piece_name(self._key, number): length for number, length in index.pieces()}:
            remove_file(self._bucket, self._key)
            self._unmark()
            raise _swept()
        # It is there: a mark that stays is swept, and the sender needn't hear of it.
        with suppress(StorageError):
            self._unmark()

    def abort(self) -> None:
        """Remove what is there; a mark that stays is swept."""
        remove_pieces(self._bucket, self._key)
        # A request whose answer was not waited for may still put its piece: then the mark is all that leads to it.
        if not self._may_arrive_late:
            self._unmark()

    def _mark(self) -> None:
        # Its age tells a slow upload from a dead one, so it is renewed; and what was swept is never gone on with.
        moment = time.monotonic()
        if self._marked_at is not None:
            if moment - self._marked_at < _MARK_SECONDS:
                return
            self._check_mark()
        self._bucket.put(mark_name(self._key), b"")
        self._marked_at = moment

    def _check_mark(self) -> None:
        try:
            self._bucket.size(mark_name(self._key))
        except NotFound as error:
            raise _swept() from error

    def _unmark(self) -> None:
        self._bucket.delete([mark_name(self._key)])


def sweep_upload(bucket: Bucket, key: str) -> bool:
    """Remove an upload whose mark is old. Gives whether it was one: a finished upload's mark may have been left too.

    Index and mark go last: broken off anywhere, this begins again.
    """
    broke_off = bucket.create(index_name(key), _SWEPT)
    if broke_off:
        remove_file(bucket, key)
    bucket.delete([mark_name(key)])
    return broke_off


def _folder(key: str) -> str:
    return f"pieces/{checked_key(key)}"


def _swept() -> StorageError:
    return upload_swept()
