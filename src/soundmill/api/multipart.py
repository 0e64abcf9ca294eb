"""Receive a multipart form (RFC 7578): files go to the storage in chunks, never whole into memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser
from werkzeug.sansio.multipart import Data, Field, File
from werkzeug.wsgi import get_input_stream

from soundmill.api.form_data import FormDecoder
from soundmill.model.errors import InvalidRequest, file_too_large
from soundmill.model.text import text_of
from soundmill.service.delivery import Delivery

# Each chunk is read, hashed and written without the interpreter's lock: with small ones many uploads at a time spend more on
# handing it round than on the bytes.
_CHUNK_BYTES = 256 * 1024
FIELDS_LIMIT_BYTES = 64 * 1024
"""Of all that isn't a file."""
_MOST_PARTS = 200


@contextmanager
def received_form(delivery: Delivery, file_field: str, size_limit: int) -> Iterator[MultiDict[str, str]]:
    """Read the current request's form: gives its text fields, and puts its files into ``delivery``. What nobody has taken over by the end leaves no trace.

    Raises ``InvalidRequest`` for anything but files under ``file_field``, ``TooLarge``, ``NoRoom``.
    """
    length = request.content_length
    boundary = request.mimetype_params.get("boundary", "").encode()
    if request.mimetype != "multipart/form-data" or not boundary:
        raise InvalidRequest("Send the file as multipart/form-data.")
    if length is not None and length > size_limit + FIELDS_LIMIT_BYTES:
        raise file_too_large(size_limit)
    receiving = _Receiving(delivery, file_field)
    try:
        try:
            receiving.read(FormDecoder(boundary, fields_limit=FIELDS_LIMIT_BYTES, most_parts=_MOST_PARTS))
        except ValueError as error:
            raise InvalidRequest("The multipart form is malformed.") from error
        except RequestEntityTooLarge as error:
            raise InvalidRequest("The form has too many or too large text fields.") from error
        if not delivery.count:
            raise InvalidRequest(f"There is no file: send one in the field “{file_field}”.")
        yield receiving.fields()
    finally:
        delivery.abort()


class _Receiving:
    """A form on its way."""

    def __init__(self, delivery: Delivery, file_field: str) -> None:
        self._delivery = delivery
        self._file_field = file_field
        self._texts: list[tuple[Field, bytearray]] = []

    def read(self, decoder: FormDecoder) -> None:
        """All of the request's body. Raises ``ValueError``, ``RequestEntityTooLarge``, and what the storage raises."""
        # Not request.stream: that copies each chunk twice more to count it against Flask's cap, which is for bodies in memory.
        body = get_input_stream(request.environ)
        part: Field | File | None = None
        while True:
            chunk = body.read(_CHUNK_BYTES)
            for event in decoder.events(chunk):
                if isinstance(event, Field | File):
                    part = event
                    self._begin(part)
                elif isinstance(event, Data):
                    self._add(part, event.data)
            if not chunk:
                return

    def fields(self) -> MultiDict[str, str]:
        """The text fields, in their order."""
        charset_of = MultiPartParser().get_part_charset
        return MultiDict((field.name, _decoded(text, charset_of(field.headers))) for field, text in self._texts)

    def _begin(self, part: Field | File) -> None:
        if isinstance(part, Field):
            self._texts.append((part, bytearray()))
            return
        if part.name != self._file_field:
            raise InvalidRequest(
                f"There is a file in the field “{part.name}”: send files in the field “{self._file_field}”."
            )
        if not part.filename:
            raise InvalidRequest(f"The file in the field “{self._file_field}” has no name.")
        self._delivery.begin(part.filename)

    def _add(self, part: Field | File | None, data: bytes) -> None:
        if isinstance(part, File):
            self._delivery.write(data)
            return
        _, text = self._texts[-1]
        if len(text) + len(data) > FIELDS_LIMIT_BYTES:
            raise RequestEntityTooLarge
        text += data


def _decoded(text: bytearray, charset: str) -> str:
    try:
        return text.decode(charset)
    except UnicodeDecodeError:
        return text_of(bytes(text))  # a file of another encoding, sent as a field
