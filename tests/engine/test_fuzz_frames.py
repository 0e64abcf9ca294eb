"""Whatever stands where frames, tags, fragments and packets ought to follow each other: who walks along them ends, and within the file."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.engine.codecs import mlp
from soundmill.engine.codecs.musepack import musepack_bounds, without_seek_table
from soundmill.engine.containers import flv, fragments, syncframes, voc, wave
from soundmill.engine.containers.aiff import comments_in
from soundmill.engine.containers.continuity import breaks
from soundmill.engine.containers.part import Part, Section, sound_section
from soundmill.engine.containers.sniff import DEMUXERS
from soundmill.engine.damage import Row
from soundmill.engine.tags.simple_tags import read_simple_tags
from tests.engine.strange_bytes import BYTES, FUZZED, joined

HEADS = [
    *(b"\x0b\x77\x00\x00\x14\x40", b"\x0b\x77\x00\x3f\x34\x84", b"\x7f\xfe\x80\x01\xfc\x3c\x3f\xf0\xb5\xe0"),
    *(
        b"\x64\x58\x20\x25\x00\x01\x80\x00",
        b"wvpk\x20\0\0\0",
        b"MPCK",
        b"AP\x08",
        b"SE\x03",
        b"\xa0\x10\0\0",
        b"\x56\xe0\x09",
        b"data\x02\0\0\0",
        b"\x08\0\0\x04",
        b"FLV\x01\x05\0\0\0\x09",
    ),
    *(
        b"\0\0\0\x18moof\0\0\0\x10mfhd\0\0\0\0\0\0\0\x01",
        b"\0\0\0\x08mdat",
        b"G\x41\0\x10",
        b"ID3\x04\0\0\0\0\0\x05",
        b"3DI\x04\0\0\0\0\0\x05",
    ),
    *(b"TAG" + bytes(125), b"000011LYRICS200", b"LYRICSBEGIN", b"LYRICSEND", b"APETAGEX\xd0\x07\0\0\x20\0\0\0"),
]
WAVE = b"RIFF\0\0\0\0WAVEdata\x04\0\0\0\0\0\0\0"
STRANGE = joined(st.sampled_from(HEADS) | st.binary(max_size=40)) | BYTES


@pytest.mark.parametrize("kind", sorted(syncframes.KINDS))
@FUZZED
@given(data=STRANGE)
def test_frames_that_lie_end_within_the_file(kind: str, data: bytes) -> None:
    row = syncframes.examine(io.BytesIO(data), kind)
    assert 0 <= row.end <= len(data)
    assert row.damage is None or 0 <= (row.damage.byte or 0) <= len(data)


@FUZZED
@given(STRANGE)
def test_units_and_chunks_that_lie_end_within_the_file(data: bytes) -> None:
    for before, examine in (
        (b"", mlp.examine),
        (b"\xa0\x20\xff\xd8\xf8\x72\x6f\xba", mlp.examine),
        (WAVE, wave.examine),
    ):
        row = examine(io.BytesIO(before + data))
        assert 0 <= row.end <= len(before + data)


@FUZZED
@given(st.lists(st.tuples(st.booleans(), st.integers(32, 60_000)), max_size=4))
def test_extensions_of_dts_follow_on_their_core(extensions: list[tuple[bool, int]]) -> None:
    """ETSI TS 102 114, section 7.5.2: the widths of the lengths of header and whole are 8 and 16 bits, or 12 and 20."""
    core = bytes.fromhex("7ffe8001fc3c3ff0b5e0").ljust(1024, b"\1")
    data = core
    for is_wide, size in extensions:
        header, whole = (12, 20) if is_wide else (8, 16)
        head = f"{0x64582025:032b}{0:010b}{is_wide:b}{15:0{header}b}{size - 1:0{whole}b}"
        data += int(head.ljust(128, "1"), 2).to_bytes(16).ljust(size, b"\1") + core
    assert syncframes.examine(io.BytesIO(data), "dts") == Row(None, len(data))


@FUZZED
@given(STRANGE)
def test_tags_and_fragments_that_lie_are_damage_or_none(data: bytes) -> None:
    for find_damage in (flv.find_damage, fragments.find_damage, voc.find_damage):
        damage = find_damage(io.BytesIO(data))
        assert damage is None or 0 <= (damage.byte or 0) <= len(data)


@FUZZED
@given(STRANGE, st.integers(0, 0x1FFF))
def test_packets_are_missing_within_the_file(data: bytes, pid: int) -> None:
    assert all(0 <= each < len(data) for each in breaks(io.BytesIO(data), pid))


@FUZZED
@given(st.lists(st.tuples(st.integers(0, 15), st.booleans()), min_size=1, max_size=40), st.sampled_from([188, 192]))
def test_packets_are_missing_where_their_count_leaps(counts: list[tuple[int, bool]], step: int) -> None:
    head = bytes(step - 188)
    packets = [head + bytes([0x47, 1, 0 if is_ours else 1, 0x10 | count]) + bytes(184) for count, is_ours in counts]
    ours = [(number, count) for number, (count, is_ours) in enumerate(counts) if is_ours]
    expected = [
        number * step + len(head) for (_, before), (number, count) in pairwise(ours) if (count - before) % 16 > 1
    ]
    assert breaks(io.BytesIO(b"".join(packets)), 0x100) == expected


@FUZZED
@given(STRANGE, st.sampled_from(sorted(DEMUXERS)))
def test_the_part_that_holds_the_sound_lies_in_the_file(data: bytes, kind: str) -> None:
    section = sound_section(io.BytesIO(data), kind)
    assert section.begin >= 0
    assert section.end == 0 or section.begin < section.end <= len(data)


@FUZZED
@given(
    data=st.binary(max_size=50), begin=st.integers(0, 60), end=st.integers(0, 60), moves=st.lists(st.integers(0, 60))
)
def test_a_part_is_a_file_by_itself(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, begin: int, end: int, moves: list[int]
) -> None:
    path = Path(tmp_path_factory.getbasetemp()) / "part"
    path.write_bytes(data)
    expected = io.BytesIO(data[begin : end or None])
    with Part(path, Section(begin, end)) as part:
        for each in moves:
            assert part.seek(each) == expected.seek(each)
            assert part.read(7) == expected.read(7)
            assert part.tell() == expected.tell()
    with io.BufferedReader(Part(path, Section(begin, end))) as buffered:
        assert buffered.read() == expected.getvalue()


@pytest.mark.parametrize("digits", range(1, 50))
def test_the_samples_of_musepack_can_be_counted_whatever_it_says(digits: int) -> None:
    bounds = musepack_bounds(io.BytesIO(b"MPCKSH\x20" + bytes(5) + b"\xff" * digits + b"\x7f\0"))
    assert bounds is None or len(bounds) < 1 << 60


@FUZZED
@given(st.binary(max_size=60))
def test_the_table_of_musepack_may_be_anywhere(data: bytes) -> None:
    file = io.BytesIO(b"MPCKSH\x0d" + bytes(5) + b"\x87\x68\0\x1b\x1b" + b"SO" + data)
    assert all(17 <= at < 19 + len(data) for at in without_seek_table(file))


def test_comments_of_aiff_end_with_their_chunk() -> None:
    chunk = b"COMT" + (2).to_bytes(4) + b"\xff\xff"
    assert comments_in(io.BytesIO(b"FORM\0\0\0\0AIFF" + 50 * chunk)) == []


class Counted(io.BytesIO):
    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def element(name: int, content: bytes) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8) + (1 << 56 | len(content)).to_bytes(8) + content


def test_tags_of_matroska_that_lie_in_each_other_are_read_within_bounds() -> None:
    count, seek_bytes, tag_bytes = 3000, 42, 12

    def seek(place: int) -> bytes:
        return element(0x4DBB, element(0x53AB, (0x1254C367).to_bytes(4)) + element(0x53AC, place.to_bytes(8)))

    tags = b"".join(
        (0x1254C367).to_bytes(4) + (1 << 56 | tag_bytes * left).to_bytes(8) for left in reversed(range(count))
    )
    index_bytes = tag_bytes + seek_bytes * count
    index = element(0x114D9B74, b"".join(seek(index_bytes + tag_bytes * number) for number in range(count)))
    assert len(index) == index_bytes
    file = Counted(element(0x18538067, index + tags))
    read_simple_tags(file)
    assert file.taken < 17 << 20


def test_blocks_that_point_far_away_are_looked_at_without_what_lies_between() -> None:
    far = b"wvpk" + (3 << 20).to_bytes(4, "little") + bytes(24)
    whole = b"wvpk" + (24).to_bytes(4, "little") + bytes(24)
    file = Counted(whole + b"junk" + 1000 * far + bytes(4 << 20))
    assert syncframes.examine(file, "wv") == Row(None, len(whole))
    assert file.taken < 16 << 20


def test_packets_between_junk_are_read_once_or_twice() -> None:
    file = Counted((2 * (b"G\1\0\x10" + bytes(184)) + bytes(20)) * 2000)
    breaks(file, 0x100)
    assert file.taken < 64 << 20
