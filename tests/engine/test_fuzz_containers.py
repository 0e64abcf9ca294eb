"""Whatever containers say, their readers end: with what is documented, in documented ranges, and never by an error of their own."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.engine.containers import matroska, ogg
from soundmill.engine.containers.asf import FileProperties, correct_size, file_properties
from soundmill.engine.containers.extent import declared_bytes
from soundmill.engine.containers.wave import wave_sample_count
from soundmill.model.conversion import FailureCode
from tests.engine.strange_bytes import BYTES, FUZZED, OGG_HEADS, joined, numbers
from tests.engine.test_ogg import ogg_checksum

MOV = "mov,mp4,m4a,3gp,3g2,mj2"

# Matroska

HEADER, SEGMENT, CLUSTER, INFO = map(bytes.fromhex, ("1a45dfa3", "18538067", "1f43b675", "1549a966"))
TRACKS, TRACK, TRACK_NUMBER, BLOCK = map(bytes.fromhex, ("1654ae6b", "ae", "d7", "a3"))
TIMESTAMP, SCALE, VOID, OTHER = map(bytes.fromhex, ("e7", "2ad7b1", "ec", "bf"))
ELEMENTS = [HEADER, SEGMENT, CLUSTER, INFO, TRACKS, TRACK, TRACK_NUMBER, BLOCK, TIMESTAMP, SCALE, VOID, OTHER]


def ebml_size(size: int, width: int = 8) -> bytes:
    """RFC 8794, section 4."""
    return (size | 1 << 7 * width).to_bytes(width)


def element(name: bytes, content: bytes, width: int = 8) -> bytes:
    return name + ebml_size(len(content), width) + content


@st.composite
def lying_elements(draw: st.DrawFn, depth: int = 3) -> bytes:
    """Elements whose sizes are right, or anything."""
    made = b""
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(ELEMENTS))
        content = draw(lying_elements(depth - 1)) if depth and draw(st.booleans()) else draw(st.binary(max_size=130))
        width = draw(st.integers(3, 8))
        size = len(content) if draw(st.booleans()) else draw(numbers((1 << 7 * width) - 1))
        made += name + ebml_size(size, width) + content
    return made


@FUZZED
@given(lying_elements() | BYTES)
def test_elements_that_lie_are_damage_or_none(data: bytes) -> None:
    damage = matroska.find_damage(io.BytesIO(data))
    if damage is not None:
        assert damage.byte is not None
        assert 0 <= damage.byte <= len(data)
        assert damage.seconds is not None
        assert damage.seconds >= 0
        refused = damage.error()
        assert refused.failure.code is FailureCode.DAMAGED_INPUT
        assert len(refused.message) < 150


CONTENTS = st.binary(max_size=40)


@st.composite
def whole_matroska(draw: st.DrawFn) -> bytes:
    blocks = st.builds(
        lambda ticks, data: element(BLOCK, b"\x81" + ticks.to_bytes(2) + b"\0" + data), st.integers(0, 999), CONTENTS
    )
    clusters = st.builds(
        lambda ticks, data: element(CLUSTER, element(TIMESTAMP, ticks.to_bytes(4)) + data),
        st.integers(0, 10_000),
        joined(blocks),
    )
    others = st.builds(element, st.just(VOID), CONTENTS, st.integers(1, 8))
    inside = element(INFO, element(SCALE, (1_000_000).to_bytes(3), 1))
    inside += element(TRACKS, element(TRACK, element(TRACK_NUMBER, b"\x01")))
    inside += draw(joined(clusters | others))
    return element(HEADER, draw(CONTENTS)) + element(SEGMENT, inside)


@FUZZED
@given(whole_matroska(), st.floats(0, 1, exclude_max=True))
def test_a_matroska_file_is_whole_or_cut_off(data: bytes, share: float) -> None:
    assert matroska.find_damage(io.BytesIO(data)) is None
    kept = int(len(data) * share)
    cut_off = matroska.find_damage(io.BytesIO(data[:kept]))
    header_bytes = len(data) - len(data[data.index(SEGMENT) :])
    if kept in (0, header_bytes):
        assert cut_off is None, "nothing is begun that doesn't end"
    else:
        assert cut_off is not None
        assert cut_off.byte is not None
        assert cut_off.byte <= kept


@pytest.mark.parametrize("name", [BLOCK, VOID, TRACKS], ids=["block", "void", "tracks"])
@given(width=st.integers(1, 8), rest=CONTENTS)
@FUZZED
def test_only_segments_and_clusters_may_have_no_size(name: bytes, width: int, rest: bytes) -> None:
    """RFC 9559, section 5.1: what hides behind another element of unknown size would never be missed."""
    inside = element(TRACKS, element(TRACK, element(TRACK_NUMBER, b"\x01")))
    inside += element(CLUSTER, b"") + name + ebml_size((1 << 7 * width) - 1, width) + b"\x81\0\0\0" + rest
    damage = matroska.find_damage(io.BytesIO(element(SEGMENT, inside)))
    assert damage is not None
    assert damage.byte == 12 + inside.index(element(CLUSTER, b"")) + 12


@pytest.mark.parametrize(
    ("flags", "laces", "fits"),
    [
        (0x02, b"\x02\xff\x05\x07", True),
        (0x02, b"\x02\xff\xff\xff\x07", False),
        (0x04, b"\x01", True),
        (0x04, b"\x02", False),
        (0x06, b"\x02\x82\xc0", True),
        (0x06, b"\x02\x80\x80", False),
        (0x06, b"\x02\x41\xf4\xbf", False),
    ],
)
def test_frames_that_do_not_fit_into_their_block_are_damage(flags: int, laces: bytes, fits: bool) -> None:
    """RFC 9559, section 10.3: FFmpeg leaves out all that follows of the cluster, and says nothing."""
    block = b"\x81\0\0" + bytes([flags]) + laces + bytes(500)
    inside = element(TRACKS, element(TRACK, element(TRACK_NUMBER, b"\x01"))) + element(CLUSTER, element(BLOCK, block))
    assert (matroska.find_damage(io.BytesIO(element(SEGMENT, inside))) is None) == fits


# Ogg


def ogg_page(
    body: bytes, *, flags: int = 0, granule: int = 0, serial: int = 1, number: int = 0, lacing: bytes | None = None
) -> bytes:
    """RFC 3533, section 6."""
    table = bytes([255] * (len(body) // 255) + [len(body) % 255]) if lacing is None else lacing
    page = bytearray(
        b"OggS\0" + bytes([flags]) + granule.to_bytes(8, "little") + serial.to_bytes(4, "little")
        + number.to_bytes(4, "little") + bytes(4) + bytes([len(table)]) + table + body
    )  # fmt: skip
    page[22:26] = ogg_checksum(page).to_bytes(4, "little")
    return bytes(page)


LYING_PAGES = st.builds(
    ogg_page,
    st.builds(bytes.__add__, st.sampled_from([b"", *OGG_HEADS]), st.binary(max_size=60)),
    flags=st.integers(0, 7),
    granule=numbers((1 << 64) - 1),
    serial=st.integers(0, 2),
    number=st.integers(0, 3) | numbers((1 << 32) - 1),
    lacing=st.none() | st.binary(max_size=4),
)


@FUZZED
@given(joined(LYING_PAGES) | BYTES, BYTES)
def test_pages_that_lie_are_damage_or_none(data: bytes, tail: bytes) -> None:
    found = ogg.examine(io.BytesIO(data + tail))
    assert found.seconds >= 0
    begins = [each.begin for each in found.links]
    assert begins == sorted(set(begins))
    assert all(data[each : each + 4] == b"OggS" for each in begins)
    if found.damage is not None:
        assert found.damage.byte is not None
        assert 0 <= found.damage.byte <= len(data + tail)
        assert found.damage.seconds is not None
        assert found.damage.seconds >= 0
        assert found.damage.error().message


def test_a_sound_that_begins_before_its_zero_has_no_length_yet() -> None:
    """Vorbis may (Vorbis I, appendix A.2): as a number without a sign it was millions of years."""
    head = ogg_page(b"\x01vorbis\0\0\0\0\x01\x44\xac\0\0" + bytes(13), flags=2)
    examined = ogg.examine(io.BytesIO(head + ogg_page(b"sound", granule=(1 << 64) - 500, number=1)))
    assert (examined.damage, examined.seconds) == (None, 0)


@st.composite
def whole_ogg(draw: st.DrawFn) -> list[bytes]:
    """Pages of one or several links."""
    pages = []
    for serial in range(draw(st.integers(1, 3))):
        head = draw(st.sampled_from(OGG_HEADS)) + bytes(4) + draw(st.binary(min_size=40, max_size=40))
        pages.append(ogg_page(head, flags=2, serial=serial))
        granules = sorted(draw(st.lists(st.integers(1, 1 << 40), min_size=1, max_size=4)))
        for number, granule in enumerate(granules, 1):
            body = draw(st.binary(max_size=300))
            flags = 4 if number == len(granules) else 0
            pages.append(ogg_page(body, flags=flags, granule=granule, serial=serial, number=number))
    return pages


@FUZZED
@given(whole_ogg(), st.data())
def test_every_changed_missing_or_cut_page_is_found(pages: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pages)
    examined = ogg.examine(io.BytesIO(whole))
    assert examined.damage is None
    place = data.draw(st.integers(0, len(pages) - 1), "place")
    begin = sum(map(len, pages[:place]))

    changed = bytearray(whole)
    changed[begin + data.draw(st.integers(4, len(pages[place]) - 1), "at")] ^= data.draw(st.integers(1, 255), "bits")
    found = ogg.examine(io.BytesIO(bytes(changed)))
    assert found.damage is not None
    assert found.damage.byte == begin
    assert found.seconds <= examined.seconds

    cut_at = data.draw(st.integers(1, len(pages[place]) - 1), "cut at")
    cut_off = ogg.examine(io.BytesIO(whole[: begin + cut_at]))
    assert cut_off.damage is not None
    assert cut_off.damage.at_end
    assert cut_off.damage.byte == begin
    assert [each.begin for each in cut_off.links] == [each.begin for each in examined.links if each.begin < begin]

    is_between = 0 < place < len(pages) - 1 and not any(each[5] for each in pages[place - 1 : place + 2])
    if is_between:
        lacking = ogg.examine(io.BytesIO(b"".join(pages[:place] + pages[place + 1 :])))
        assert lacking.damage is not None
        assert lacking.damage.byte == begin


# ASF and MP4

FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def asf_object(name: bytes, size: int, content: bytes) -> bytes:
    return name + size.to_bytes(8, "little") + content


ASF_OBJECTS = st.builds(
    asf_object,
    st.sampled_from([FILE_PROPERTIES, bytes(16)]) | st.binary(min_size=16, max_size=16),
    numbers((1 << 64) - 1),
    st.binary(max_size=100),
)


@FUZZED
@given(st.binary(min_size=30, max_size=30), joined(ASF_OBJECTS), st.integers(0, 3))
def test_objects_that_lie_tell_of_a_file_or_of_nothing(head: bytes, objects: bytes, before: int) -> None:
    data = bytes(before) + head + objects
    file = io.BytesIO(data)
    file.seek(before)
    found = file_properties(file)
    if found is not None:
        assert 0 < found.size_at <= len(data) - 8
        assert found.seconds >= 0
        assert found.size_bytes == int.from_bytes(data[found.size_at : found.size_at + 8], "little")
    file.seek(before)
    told = declared_bytes("asf", file)
    assert told is None or told >= before


@pytest.mark.parametrize("size", [1 << 62, (1 << 64) - 1])
def test_an_object_larger_than_any_file_ends_the_search(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.wma"
    path.write_bytes(bytes(30) + asf_object(bytes(16), size, b""))
    with path.open("rb") as file:
        assert file_properties(file) is None


@FUZZED
@given(st.binary(min_size=80, max_size=80), st.lists(st.binary(max_size=20), max_size=5))
def test_the_size_of_a_windows_media_file_can_be_corrected(properties: bytes, others: list[bytes]) -> None:
    properties = properties[:64] + b"\0" + properties[65:]  # no broadcast
    objects = b"".join(asf_object(bytes(16), 24 + len(each), each) for each in others)
    file = io.BytesIO(bytes(30) + objects + asf_object(FILE_PROPERTIES, 104, properties))
    before = file_properties(file)
    correct_size(file)
    file.seek(0)
    after = file_properties(file)
    assert before is not None
    assert after == FileProperties(before.size_at, len(file.getvalue()), before.seconds)


BOXES = [b"ftyp", b"moov", b"mdat", b"free", b"wide"]


@st.composite
def lying_box(draw: st.DrawFn) -> bytes:
    name, content = draw(st.sampled_from([*BOXES, b"????"])), draw(st.binary(max_size=30))
    if draw(st.booleans()):
        return b"\0\0\0\x01" + name + draw(numbers((1 << 64) - 1)).to_bytes(8) + content
    return draw(numbers((1 << 32) - 1)).to_bytes(4) + name + content


@FUZZED
@given(joined(lying_box()) | BYTES, st.integers(0, 3))
def test_boxes_that_lie_tell_of_some_length(data: bytes, before: int) -> None:
    file = io.BytesIO(bytes(before) + data)
    file.seek(before)
    told = declared_bytes(MOV, file)
    assert told is not None
    assert told >= before


@FUZZED
@given(st.lists(st.tuples(st.sampled_from(BOXES), st.binary(max_size=30), st.booleans()), min_size=1, max_size=6))
def test_a_film_that_was_cut_off_declares_more_than_there_is(boxes: list[tuple[bytes, bytes, bool]]) -> None:
    data = b""
    for name, content, is_long in boxes:
        size = len(content) + (16 if is_long else 8)
        data += (b"\0\0\0\x01" + name + size.to_bytes(8) if is_long else size.to_bytes(4) + name) + content
    assert declared_bytes(MOV, io.BytesIO(data)) == len(data)
    last_content = boxes[-1][1]
    for kept in range(len(data) - len(last_content), len(data)):
        assert declared_bytes(MOV, io.BytesIO(data[:kept])) == len(data)


# RIFF


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    return name + (len(content) if size is None else size).to_bytes(4, "little") + content + bytes(len(content) % 2)


CHUNKS = st.builds(
    chunk,
    st.sampled_from([b"fmt ", b"data", b"ds64", b"LIST", b"JUNK"]),
    st.sampled_from([b"\1\0\2\0", b"\xfe\xff\2\0", b""]).flatmap(lambda head: st.binary(max_size=40).map(head.__add__)),
    st.none() | numbers((1 << 32) - 1),
)


@FUZZED
@given(st.sampled_from([b"RIFF", b"RF64"]), joined(CHUNKS) | BYTES)
def test_chunks_that_lie_tell_of_some_samples_or_of_none(kind: bytes, chunks: bytes) -> None:
    found = wave_sample_count(io.BytesIO(kind + b"\xff\xff\xff\xffWAVE" + chunks))
    assert found is None or 0 <= found < 1 << 64


@FUZZED
@given(st.integers(1, 8), st.sampled_from([1, 2, 3, 4, 8]), st.integers(1, 100), st.lists(st.binary(max_size=9)))
def test_the_samples_of_a_wave_file_are_counted(channels: int, width: int, count: int, others: list[bytes]) -> None:
    block = channels * width
    form = b"\1\0" + channels.to_bytes(2, "little") + bytes(8) + block.to_bytes(2, "little") + bytes(2)
    before = b"".join(chunk(b"LIST", each) for each in others) + chunk(b"fmt ", form)
    size = count * block
    assert wave_sample_count(io.BytesIO(b"RIFF\0\0\0\0WAVE" + before + chunk(b"data", b"", size))) == count
    long_size = chunk(b"ds64", bytes(8) + (size << 31).to_bytes(8, "little") + bytes(12))
    long = b"RF64\xff\xff\xff\xffWAVE" + long_size + before + chunk(b"data", b"", 0xFFFF_FFFF)
    assert wave_sample_count(io.BytesIO(long)) == count << 31
