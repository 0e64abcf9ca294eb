"""Our decoder says what Werkzeug's does, whatever a body holds and however it arrives."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from soundmill.api.form_data import FormDecoder

BOUNDARY = b"--edge"
FIELDS_LIMIT = 64 * 1024
FILE = b'Content-Disposition: form-data; name="fileName"; filename="song.wav"\r\n\r\n'
FIELD = b'Content-Disposition: form-data; name="newFormat"\r\n\r\n'

# All that a boundary is made of and what comes near to it.
TOKENS = [
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"-",
    b"--",
    BOUNDARY,
    b"--" + BOUNDARY,
    b"\r\n--" + BOUNDARY,
    b"edge",
    b"x",
    b"x" * 40,
]
CONTENTS = st.lists(st.sampled_from(TOKENS), max_size=30).map(b"".join)
PARTS = st.lists(st.tuples(st.sampled_from([FILE, FIELD]), CONTENTS), min_size=1, max_size=4)
CUTS = st.lists(st.integers(1, 60), max_size=40)

type Part = tuple[str | None, str | None, bytes]


def form(parts: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"--%s\r\n%s%s\r\n" % (BOUNDARY, *part) for part in parts) + b"--%s--\r\n" % BOUNDARY


def chunks(body: bytes, cuts: list[int]) -> list[bytes]:
    found, start = [], 0
    for size in cuts:
        found.append(body[start : start + size])
        start += size
    return [each for each in [*found, body[start:]] if each]


def parts_of(events: Iterable[Event]) -> list[Part] | str:
    """The parts with their bytes, or how it was refused."""
    parts: list[Part] = []
    try:
        for event in events:
            if isinstance(event, Field | File):
                parts.append((event.name, getattr(event, "filename", None), b""))
            elif isinstance(event, Data):
                name, filename, data = parts[-1]
                parts[-1] = (name, filename, data + event.data)
    except (ValueError, RequestEntityTooLarge) as error:
        return type(error).__name__
    return parts


def by_us(arriving: list[bytes]) -> list[Part] | str:
    decoder = FormDecoder(BOUNDARY, fields_limit=FIELDS_LIMIT, most_parts=200)
    return parts_of(event for chunk in [*arriving, b""] for event in decoder.events(chunk))


def by_werkzeug(arriving: list[bytes]) -> list[Part] | str:
    decoder = MultipartDecoder(BOUNDARY, FIELDS_LIMIT, max_parts=200)

    def events() -> Iterable[Event]:
        for chunk in [*arriving, None]:
            decoder.receive_data(chunk)
            while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
                yield event

    return parts_of(events())


@settings(max_examples=400)
@given(PARTS, CUTS)
def test_any_form_in_any_chunks_reads_as_werkzeug_reads_it_whole(
    parts: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    body = form(parts)
    assert by_us(chunks(body, cuts)) == by_us([body]) == by_werkzeug([body])


@settings(max_examples=200)
@given(PARTS, CUTS, st.integers(0, 400))
def test_a_form_that_breaks_off_is_refused_or_reads_as_it_does_whole(
    parts: list[tuple[bytes, bytes]], cuts: list[int], length: int
) -> None:
    body = form(parts)[:length]
    assert by_us(chunks(body, cuts)) == by_us([body]) == by_werkzeug([body])


@pytest.mark.parametrize("content", [b"", b"song", b"song\r\n", b"\r", b"\n--", b"\r\n--" + BOUNDARY + b"-"])
def test_wherever_a_form_is_cut_no_byte_is_added_and_none_lost(content: bytes) -> None:
    body = form([(FIELD, b""), (FILE, content), (FIELD, b"mp3"), (FILE, content)])
    whole = [("newFormat", None, b""), ("fileName", "song.wav", content), ("newFormat", None, b"mp3")]
    for cut in range(1, len(body)):
        for width in (1, 2, 5, len(BOUNDARY) + 3):
            assert by_us(chunks(body, [cut, width])) == [*whole, whole[1]], (cut, width)


@pytest.mark.parametrize("size", [1000, 32 * 1024, 256 * 1024 - 1, 256 * 1024, 300_000])
@pytest.mark.parametrize("filling", [b"\r\n", b"-", b"\r\n--" + BOUNDARY[:-1], b"--" + BOUNDARY + b"x", b"song"])
def test_a_large_file_arrives_whole(filling: bytes, size: int) -> None:
    content = (filling * (1_000_000 // len(filling)))[:999_983]
    body = form([(FIELD, b"mp3"), (FILE, content), (FIELD, b"ogg")])
    arriving = [body[start : start + size] for start in range(0, len(body), size)]
    assert by_us(arriving) == [
        ("newFormat", None, b"mp3"),
        ("fileName", "song.wav", content),
        ("newFormat", None, b"ogg"),
    ]


@pytest.mark.parametrize(
    ("name", "encoded"), [("Tönende.wav", "utf-8"), ("Tönende.wav", "latin-1"), ("Ω.wav", "utf-8")]
)
def test_a_file_name_in_utf_8_or_else_in_latin_1(name: str, encoded: str) -> None:
    body = form([(FILE.replace(b"song.wav", name.encode(encoded)), b"RIFF")])
    assert by_us([body]) == [("fileName", name, b"RIFF")]
