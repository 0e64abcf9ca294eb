"""Whatever frames, packets, pictures and texts say, their readers end as documented; what is written is read again."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from soundmill.engine.codecs import mpeg, opus
from soundmill.engine.codecs.aac import Windows, windows
from soundmill.engine.codecs.flac import SoundDigest, coded_number, renumbered, told_digest, with_digest
from soundmill.engine.codecs.packets import CodedPacket, Packets, Packing
from soundmill.engine.containers.sniff import DEMUXERS, id3_bytes, sniff, sound_start
from soundmill.engine.processes.messages import receive, send
from soundmill.engine.tags.picture import Attached, Picture, read_pictures
from soundmill.engine.text import readable
from soundmill.model.conversion import ConversionError, FailureCode
from tests.engine.strange_bytes import BYTES, FUZZED, OGG_HEADS, joined, numbers

# MPEG audio, ADTS, ID3

SYNCS = [
    b"\xff\xfb\x90\x00",
    b"\xff\xfb\x90\xc0",
    b"\xff\xf3\x40\xc0",
    b"\xff\xfd\x84\x04",
    b"\xff\xff\x14\x00",
    b"ID3\x04\0\0",
]
STREAMS = joined(
    st.builds(
        bytes.__add__, st.sampled_from([*SYNCS, b"\xff\xf1\x50\x80\x01\x1f\xfc", b"Info\0\0\0\1", b"LAME"]), BYTES
    )
)


@FUZZED
@given(STREAMS | BYTES)
def test_frames_of_mpeg_that_lie_are_told_or_refused(data: bytes) -> None:
    count = mpeg.xing_sample_count(data)
    assert count is None or 0 <= count <= 0xFFFF_FFFF * 1152
    first = mpeg.first_mpeg_frame(data)
    assert (first is not None) == mpeg.is_mpeg_audio_stream(data)
    mpeg.is_adts_stream(data)
    header = mpeg.mpeg_header(data)
    assert header is None or (4 < header.frame_bytes < 1 << 13 and header.sample_count in (384, 576, 1152))
    frame = mpeg.layer_three_frame(data)
    if frame is not None:
        assert 0 <= frame.main_data_begin < 512
        assert 4 <= frame.side_information_at < frame.main_data_at
    if first is not None:
        assert mpeg.mpeg_header(data[first:]) is not None


def test_a_frame_that_ends_before_its_main_data_has_no_parts() -> None:
    assert mpeg.layer_three_frame(b"\xff\xfb\x90\x00") is None
    assert mpeg.layer_three_frame(b"\xff\xfb\x90\x00" + bytes(32)) == mpeg.LayerThreeFrame(4, 36, 0)


@FUZZED
@given(st.sampled_from(SYNCS[:3]), st.integers(0, 100), st.integers(3, 6), st.binary(max_size=9))
def test_frames_in_a_row_are_found_behind_junk(sync: bytes, junk: int, count: int, tail: bytes) -> None:
    header = mpeg.mpeg_header(sync)
    assert header is not None
    frames = sync.ljust(header.frame_bytes, b"\0") * count
    assert mpeg.first_mpeg_frame(bytes(junk) + frames + tail) == junk
    assert mpeg.xing_sample_count(bytes(junk) + frames) is None


@FUZZED
@given(st.lists(st.binary(max_size=200), max_size=4), st.booleans(), BYTES)
def test_sound_begins_behind_its_tags(tags: list[bytes], has_footer: bool, sound: bytes) -> None:
    made = b""
    for each in tags:
        size = bytes([len(each) >> 21 & 127, len(each) >> 14 & 127, len(each) >> 7 & 127, len(each) & 127])
        head = b"ID3\x04\0" + (b"\x10" if has_footer else b"\0") + size
        made += head + each + (b"3DI" + head[3:] if has_footer else b"")
        assert id3_bytes(head) == 10 + len(each) + 10 * has_footer
    assert sound_start(io.BytesIO(made + b"\0" + sound)) == len(made)


@FUZZED
@given(
    st.lists(
        st.sampled_from([*OGG_HEADS, *SYNCS, b"RIFF", b"WAVE", b"FORM", b"AIFF", b"OggS", b"fLaC", b"ftyp"]) | BYTES
    )
)
def test_heads_in_any_order_are_told_or_refused(parts: list[bytes]) -> None:
    try:
        kind = sniff(io.BytesIO(b"".join(parts)))
    except ConversionError as refused:
        assert refused.failure.code in (FailureCode.UNSUPPORTED_INPUT, FailureCode.EMPTY_INPUT)  # noqa: PT017
    else:
        assert kind in DEMUXERS


# Opus, AAC, FLAC


@FUZZED
@given(
    BYTES
    | st.builds(
        lambda first, second, rest: bytes([first | 3, second]) + rest, st.integers(0, 255), st.integers(0, 255), BYTES
    )
)
def test_a_packet_of_opus_has_a_length_or_is_none(data: bytes) -> None:
    samples = opus.packet_samples(data)
    assert samples in range(0, 5761, 120)
    assert opus.packet_samples(memoryview(data)) == samples
    assert opus.pre_skip(b"OpusHead" + data) in range(1 << 16)


def opus_length(size: int) -> bytes:
    """RFC 6716, section 3.2.1."""
    return bytes([size]) if size < 252 else bytes([252 + size % 4, (size - 252 - size % 4) // 4])


@FUZZED
@given(st.lists(st.integers(0, 1275), min_size=1, max_size=12), st.integers(16, 31), st.integers(0, 600), st.booleans())
def test_frames_of_opus_that_fit_are_counted(
    sizes: list[int], configuration: int, padding: int, is_variable: bool
) -> None:
    sizes = sizes if is_variable else [sizes[0]] * len(sizes)
    head = bytes([configuration << 3 | 3, len(sizes) | 0x40 | 0x80 * is_variable])
    head += b"\xff" * (padding // 254) + bytes([padding % 254])
    lengths = b"".join(map(opus_length, sizes[:-1])) if is_variable else b""
    data = head + lengths + bytes(sum(sizes)) + bytes(padding)
    wanted = len(sizes) * (120, 240, 480, 960)[configuration & 3]
    assert opus.packet_samples(data) == (wanted if wanted <= 5760 else 0)
    if is_variable and sizes[-1] == 0:
        assert opus.packet_samples(data[:-1]) == 0


@FUZZED
@given(
    BYTES
    | st.builds(
        lambda head, end: head.ljust(63, b"\xff") + end, st.sampled_from([b"\xdf\xff", b"\xc0", b"\xde\x0f"]), BYTES
    )
)
def test_windows_of_any_frame_are_told_or_not(frame: bytes) -> None:
    found = windows(frame)
    assert found is None or (found.sequence in range(4) and found.shape in range(2))


def test_a_frame_of_nothing_but_filling_has_no_windows() -> None:
    """Its reader looked at its last bits for ever."""
    assert windows(b"\xde" * 63 + b"\x06") is None
    assert windows(b"\xdf\xff" + b"\xff" * 61 + b"\x06") is None
    assert windows(bytes([0b000_0000_0, 0b0000000_0, 0b10_1_00000])) == Windows(2, 1)


@FUZZED
@given(st.integers(0, 0x10_FFFF))
def test_small_numbers_are_coded_like_utf_8(number: int) -> None:
    assert coded_number(number) == chr(number).encode("utf-8", "surrogatepass")


@FUZZED
@given(st.integers(0, (1 << 36) - 1))
def test_a_coded_number_says_its_length_and_itself(number: int) -> None:
    coded = coded_number(number)
    ones = 8 - (coded[0] ^ 0xFF).bit_length()
    assert len(coded) == max(1, ones)
    value = coded[0] & (0x7F >> ones)
    for byte in coded[1:]:
        assert byte >> 6 == 0b10
        value = value << 6 | byte & 0x3F
    assert value == number


def flac_crc(data: bytes, polynomial: int, bits: int) -> int:
    value = 0
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial * (value >> (bits - 1))) & (1 << bits) - 1
    return value


def flac_frame(number: int, form: int, body: bytes) -> bytes:
    """RFC 9639, section 9: ``form`` is the third byte."""
    sizes = {6: 1, 7: 2}.get(form >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(form & 15, 0)
    head = b"\xff\xf8" + bytes([form]) + b"\x10" + coded_number(number) + b"\x07" * sizes
    head += bytes([flac_crc(head, 0x07, 8)])
    return head + body + flac_crc(head + body, 0x8005, 16).to_bytes(2)


@FUZZED
@given(
    st.lists(st.tuples(st.integers(0, 255), BYTES), min_size=1, max_size=5),
    numbers((1 << 36) - 10),
    numbers((1 << 36) - 10),
)
def test_frames_of_flac_get_other_numbers(parts: list[tuple[int, bytes]], old: int, new: int) -> None:
    frames = [flac_frame(number, form, body) for number, (form, body) in enumerate(parts, old)]
    assert renumbered(frames, new) == [flac_frame(number, form, body) for number, (form, body) in enumerate(parts, new)]


@FUZZED
@given(st.sampled_from([8, 12, 16, 20, 24, 32]), st.integers(0, 50), st.data())
def test_the_sum_of_a_sound_is_that_of_its_blocks(bits: int, count: int, data: st.DataObject) -> None:
    wide = np.dtype("<i2" if bits <= 16 else "<i4")
    drawn = data.draw(st.binary(min_size=count * wide.itemsize, max_size=count * wide.itemsize))
    samples = np.frombuffer(drawn, wide)
    whole, in_parts = SoundDigest(bits), SoundDigest(bits)
    whole.add(samples.data.cast("B"))
    at = data.draw(st.integers(0, count))
    for part in (samples[:at], samples[at:]):
        in_parts.add(part.data.cast("B"))
    assert whole.digest() == in_parts.digest()


@FUZZED
@given(st.binary(min_size=34, max_size=34), st.binary(min_size=16, max_size=16))
def test_streaminfo_tells_the_digest_that_it_got(head: bytes, digest: bytes) -> None:
    assert told_digest(with_digest(head, digest)) == (digest if any(digest) else None)


# Packets and messages

CODED = st.builds(
    CodedPacket,
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(0, (1 << 63) - 1),
    st.binary(max_size=20),
    st.just(b"") | st.binary(min_size=10, max_size=10),
)


@FUZZED
@given(st.lists(CODED, max_size=8), st.integers(-9, 9), st.integers(-9, 9))
def test_packets_come_out_as_they_were_put_in(coded: list[CodedPacket], begin: int, end: int) -> None:
    row = Packing(coded).packed()
    assert list(row) == coded
    assert sum(row.sizes) == len(row.data) == sum(len(each.data) for each in coded)
    part = row[begin:end]
    assert list(part) == coded[begin:end]
    assert bytes(part.data) == b"".join(each.data for each in coded[begin:end])
    file = io.BytesIO()
    send(file, part.as_message({"name": "ü"}))
    file.seek(0)
    message = receive(file)
    assert message is not None
    assert message.head["name"] == "ü"
    assert list(Packets.of_message(message)) == coded[begin:end]
    assert receive(file) is None


# Pictures and texts

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def jpeg_segment(marker: int, size: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + size.to_bytes(2) + content


JPEGS = joined(st.builds(jpeg_segment, st.integers(0xBF, 0xFF), numbers(0xFFFF), st.binary(max_size=20)))


WEBPS = [b"VP8 \x30\0\0\0\0\0\0\x9d\x01\x2a", b"VP8L\x30\0\0\0\x2f", b"VP8X\x0a\0\0\0\0\0\0\0"]
PICTURES = [PNG, b"\xff\xd8\xff\xe0\0\2", b"\xff\xd8", b"GIF89a", *(b"RIFF\x40\0\0\0WEBP" + each for each in WEBPS)]


def read_picture(data: bytes) -> Picture | None:
    good = read_pictures([Attached(data)]).good
    return good[0] if good else None


@FUZZED
@given(st.builds(bytes.__add__, st.sampled_from(PICTURES), JPEGS | BYTES))
def test_pictures_that_lie_are_pictures_or_none(data: bytes) -> None:
    found = read_picture(data)
    if found is not None:
        assert 0 < found.width < 1 << 31
        assert 0 < found.height < 1 << 31
        assert found.data == data
    for kept in range(len(data)):
        part = read_picture(data[:kept])
        assert part is None or (found is not None and (part.width, part.height) == (found.width, found.height))


def test_a_png_that_ends_inside_its_size_is_none() -> None:
    assert read_picture(PNG + b"\0\0\0\1\0\0\1") is None
    assert read_picture(PNG + b"\0\0\0\1\0\0\1\0") is not None


@FUZZED
@given(st.binary(max_size=50))
def test_any_text_becomes_readable(data: bytes) -> None:
    text = readable(data.decode("utf-8", "surrogateescape"))
    assert not any("\ud800" <= each <= "\udfff" for each in text)
    assert readable(text) == text
