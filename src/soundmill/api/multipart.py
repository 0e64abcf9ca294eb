"""Receive a multipart form (RFC 7578): the file goes to the storage in small chunks, never whole into memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

from flask import request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser

from soundmill.model.errors import InvalidRequest, TooLarge
from soundmill.service.ports import Incoming, Storage

_CHUNK_BYTES = 32 * 1024  # Werkzeug's parser is slower with larger ones
_FIELDS_LIMIT_BYTES = 64 * 1024
_MOST_PARTS = 200


@dataclass(frozen=True, slots=True)
class ReceivedForm:
    """The text fields, and the file under the asked name."""

    fields: MultiDict[str, str]
    file_name: str
    upload: Incoming


@contextmanager
def received_form(storage: Storage, file_field: str, size_limit: int) -> Iterator[ReceivedForm]:
    """Read the current request's form. What wasn't committed by the end leaves no trace.

    Raises ``InvalidRequest`` for anything but one file under ``file_field``, ``TooLarge``, ``NoRoom``.
    """
    length = request.content_length
    boundary = request.mimetype_params.get("boundary", "").encode()
    if request.mimetype != "multipart/form-data" or not boundary:
        raise InvalidRequest("Send the file as multipart/form-data.")
    if length is not None and length > size_limit + _FIELDS_LIMIT_BYTES:
        raise TooLarge(f"The file is larger than the {size_limit:,} bytes that this service takes.")
    # Flask's own cap is for bodies that are read into memory; the storage counts here. None would mean that cap again.
    request.max_content_length = sys.maxsize
    receiving = _Receiving(storage, size_limit, length or 0)
    parser = MultiPartParser(
        cast(Any, receiving.begin),
        max_form_memory_size=_FIELDS_LIMIT_BYTES,
        buffer_size=_CHUNK_BYTES,
        max_form_parts=_MOST_PARTS,
    )
    try:
        try:
            fields, files = parser.parse(request.stream, boundary, length)
        except ValueError as error:
            raise InvalidRequest("The multipart form is malformed.") from error
        except RequestEntityTooLarge as error:
            raise InvalidRequest("The form has too many or too large text fields.") from error
        given = files.get(file_field)
        if given is None or not given.filename or receiving.upload is None:
            raise InvalidRequest(f"There is no file: send one in the field “{file_field}”.")
        yield ReceivedForm(fields, given.filename, receiving.upload)
    finally:
        receiving.abort()


class _Receiving:
    """Werkzeug's way to ask for a place to write: one file a request."""

    def __init__(self, storage: Storage, size_limit: int, expected_size: int) -> None:
        self._storage = storage
        self._size_limit = size_limit
        self._expected_size = expected_size
        self.upload: Incoming | None = None

    def begin(self, **about: object) -> IO[bytes]:
        if self.upload is not None:
            raise InvalidRequest("Send one file a request; for several formats repeat newFormat.")
        self.upload = self._storage.create(self._size_limit, self._expected_size)
        return cast("IO[bytes]", _Part(self.upload))

    def abort(self) -> None:
        if self.upload is not None:
            self.upload.abort()


class _Part:
    """As much of a file as the parser uses."""

    def __init__(self, upload: Incoming) -> None:
        self.write = upload.write

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0
