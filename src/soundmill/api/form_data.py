"""Multipart forms (RFC 7578) as Werkzeug reads them, but without looking closely at every byte of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from werkzeug.datastructures import Headers
from werkzeug.sansio.multipart import NEED_DATA, Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData, State

_PIECE_BYTES = 32 * 1024  # Werkzeug's decoder is slower with larger ones
_LONGEST_LINE_BREAK = 2
_LINE_BREAK = re.compile(rb"\r\n|\r|\n")
# What may follow on a boundary's name while it isn't known yet whether it is one: half of the last one's end, or blanks
# before the line's end (RFC 2046, section 5.1.1).
_UNDECIDED_END = re.compile(rb"-|[^\S\r\n]*")


class FormDecoder(MultipartDecoder):
    """What Werkzeug's decoder would say, for chunks of any size.

    Where a file's bytes hold no ``--boundary`` there is nothing to decide: they pass as they are. Only what may belong to a boundary is
    left to Werkzeug, so that its grammar is the only one. However a form is cut into chunks, it reads as it does whole: Werkzeug 3.1 by
    itself takes the beginning of a boundary for data where a chunk ends between its name and its end, or right behind a part's headers.
    """

    def __init__(self, boundary: bytes, *, fields_limit: int, most_parts: int) -> None:
        super().__init__(boundary, max_form_memory_size=fields_limit, max_parts=most_parts)
        self._delimiter = b"--" + boundary
        self._longest_beginning = _LONGEST_LINE_BREAK + len(self._delimiter) - 1
        self._in_file = False

    def events(self, chunk: bytes) -> Iterator[Event]:
        """The fields, files and pieces of data that ``chunk`` completes; an empty one is the end.

        Raises ``ValueError`` for what is no form, ``RequestEntityTooLarge`` for too many parts or too large fields.
        """
        if not chunk:
            self.receive_data(None)
            yield from self._decoded()
            return
        if self.buffer and self._is_in_data():
            chunk = b"".join((self.buffer, chunk))
            self.buffer.clear()
        start = 0
        while start < len(chunk):
            if not self.buffer and self._is_in_data():
                at = chunk.find(self._delimiter, start)
                end = self._undecided_from(chunk, start) if at < 0 else max(start, at - _LONGEST_LINE_BREAK)
                if end > start:
                    yield Data(chunk[start:end], more_data=True)  # as a rule the whole chunk, which is no copy
                if at < 0:
                    self.buffer.extend(chunk[end:])
                    return
                start = end
            self.receive_data(chunk[start : start + _PIECE_BYTES])
            start += _PIECE_BYTES
            yield from self._decoded()

    def next_event(self) -> Event:
        """See Werkzeug's."""
        if self.state is State.DATA_START and not self.complete and self._may_begin_with_boundary():
            return NEED_DATA
        return super().next_event()

    def _is_in_data(self) -> bool:
        return self._in_file and self.state is State.DATA

    def _undecided_from(self, data: bytes, start: int) -> int:
        """Where the beginning of a boundary may be, in ``data`` that holds no whole one: its length if nowhere."""
        first = max(start, len(data) - self._longest_beginning)
        line_break = max(data.rfind(b"\r", first), data.rfind(b"\n", first))
        if line_break < 0 or not self._delimiter.startswith(data[line_break + 1 :]):
            return len(data)
        is_second = line_break > start and data[line_break - 1 : line_break + 1] == b"\r\n"
        return line_break - is_second

    def _may_begin_with_boundary(self) -> bool:
        line_break = _LINE_BREAK.match(self.buffer)
        rest = self.buffer[line_break.end() :] if line_break else self.buffer
        if len(rest) < len(self._delimiter):
            return self._delimiter.startswith(rest)
        return rest.startswith(self._delimiter) and self._is_undecided_from(rest, len(self._delimiter))

    def _last_partial_boundary_index(self, data: bytes | bytearray) -> int:
        at = data.rfind(self._delimiter)
        if at > 0 and self._is_undecided_from(data, at + len(self._delimiter)):
            if data[at - _LONGEST_LINE_BREAK : at] == b"\r\n":
                return at - _LONGEST_LINE_BREAK
            if data[at - 1 : at] in (b"\r", b"\n"):
                return at - 1
        return super()._last_partial_boundary_index(data)

    def _is_undecided_from(self, data: bytes | bytearray, start: int) -> bool:
        return _UNDECIDED_END.fullmatch(data, start) is not None

    def _decoded(self) -> Iterator[Event]:
        while not isinstance(event := self.next_event(), Epilogue | NeedData):
            if isinstance(event, File | Field):
                self._in_file = isinstance(event, File)
            yield event

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        # Werkzeug's own reads UTF-8 only, but some clients send a file name as it lies on their disk (RFC 7578, section 5.1).
        try:
            data.decode()
        except UnicodeDecodeError:
            data = data.decode("latin-1").encode()
        return super()._parse_headers(data)
