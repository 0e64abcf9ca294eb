"""Frame headers of MPEG audio (ISO/IEC 11172-3, 13818-3) and ADTS (13818-7), as far as telling and counting needs."""

from __future__ import annotations

from dataclasses import dataclass

_FRAMES_IN_A_ROW = 3
_LONGEST_JUNK_BYTES = 4096

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_KBITS_V1 = {
    1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
}
_KBITS_V2 = {
    1: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
}
_LAYER_3, _LAYER_2, _LAYER_1 = 1, 2, 3
_MPEG_1 = 3


@dataclass(frozen=True, slots=True)
class MpegHeader:
    """One frame: its whole length, and what it decodes to."""

    frame_bytes: int
    sample_count: int
    sample_rate: int
    is_mpeg_1: bool
    is_mono: bool


def mpeg_header(data: bytes) -> MpegHeader | None:
    """The header in the first four bytes, or ``None``. Free format is not known."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    version, layer = data[1] >> 3 & 3, data[1] >> 1 & 3
    bit_rate_index, rate_index = data[2] >> 4, data[2] >> 2 & 3
    if version == 1 or layer == 0 or bit_rate_index in (0, 15) or rate_index == 3:
        return None
    rate = _RATES[version][rate_index]
    bit_rate = 1000 * (_KBITS_V1 if version == _MPEG_1 else _KBITS_V2)[layer][bit_rate_index - 1]
    padding = data[2] >> 1 & 1
    samples = _samples(version, layer)
    if layer == _LAYER_1:
        frame_bytes = (12 * bit_rate // rate + padding) * 4
    else:
        frame_bytes = samples // 8 * bit_rate // rate + padding
    return MpegHeader(frame_bytes, samples, rate, version == _MPEG_1, data[3] >> 6 == 3)


def is_mpeg_audio_stream(head: bytes) -> bool:
    """True when frames follow each other, at the start or behind a little junk, as cut streams have it."""
    return first_mpeg_frame(head) is not None


def first_mpeg_frame(head: bytes) -> int | None:
    """Where the first of several MPEG audio frames in a row begins; zeros before it may be as many as one likes."""
    first = len(head) - len(head.lstrip(b"\0"))
    for start in range(first, min(first + _LONGEST_JUNK_BYTES, len(head))):
        if head[start] == 0xFF and _frames_follow(head, start):
            return start
    return None


def xing_sample_count(head: bytes) -> int | None:
    """How many samples a LAME, Xing or Info header declares, without encoder delay and padding; ``None`` without one.

    gabriel.mp3-tech.org/mp3infotag.html.
    """
    start = first_mpeg_frame(head)
    header = mpeg_header(head[start : start + 4]) if start is not None else None
    if start is None or header is None:
        return None
    tag = start + 4 + _side_information_bytes(header)
    has_frame_count = head[tag : tag + 4] in (b"Xing", b"Info") and head[tag + 7 : tag + 8] and head[tag + 7] & 1
    if not has_frame_count:
        return None
    frames = int.from_bytes(head[tag + 8 : tag + 12])
    lame = head[tag + 120 : tag + 144]
    trimmed = 0
    if len(lame) == 24 and lame[:4] in (b"LAME", b"Lavf", b"Lavc"):
        trimmed = (lame[21] << 4 | lame[22] >> 4) + ((lame[22] & 15) << 8 | lame[23])
    return max(0, frames * header.sample_count - trimmed)


def is_adts_stream(head: bytes, at: int = 0) -> bool:
    """True when ADTS frames follow each other from the byte ``at`` on."""
    for _ in range(_FRAMES_IN_A_ROW):
        frame_bytes = _adts_frame_bytes(head[at : at + 7])
        if frame_bytes is None:
            return False
        at += frame_bytes
        if at == len(head):
            return True
    return True


def adts_blocks(header: bytes) -> int:
    """How many blocks a frame of ADTS holds, each of which decodes to 1,024 samples; 0 for what is no header."""
    return 0 if _adts_frame_bytes(header) is None else 1 + (header[6] & 3)


def _adts_frame_bytes(data: bytes) -> int | None:
    if len(data) < 7 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0 or data[2] >> 2 & 15 > 12:
        return None
    frame_bytes = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    return frame_bytes if frame_bytes > 7 else None


def _frames_follow(head: bytes, at: int) -> bool:
    for number in range(_FRAMES_IN_A_ROW):
        header = mpeg_header(head[at : at + 4])
        if header is None:
            # A very short file: its frames end exactly with it.
            return number > 0 and at == len(head)
        at += header.frame_bytes
    return True


def _samples(version: int, layer: int) -> int:
    if layer == _LAYER_1:
        return 384
    return 576 if layer == _LAYER_3 and version != _MPEG_1 else 1152


@dataclass(frozen=True, slots=True)
class LayerThreeFrame:
    """Where the parts of a Layer III frame begin, in bytes, and how many bytes before the frame its main data begins."""

    side_information_at: int
    main_data_at: int
    main_data_begin: int


def layer_three_frame(data: bytes) -> LayerThreeFrame | None:
    """The frame's parts (ISO/IEC 11172-3, section 2.4.1.7; 13818-3 for the lower rates); ``None`` for another layer, or what ends before."""
    header = mpeg_header(data[:4])
    if header is None or data[1] >> 1 & 3 != _LAYER_3:
        return None
    at = 4 + (0 if data[1] & 1 else 2)
    main_data_at = at + _side_information_bytes(header)
    if len(data) < main_data_at:
        return None
    begin = data[at] << 1 | data[at + 1] >> 7 if header.is_mpeg_1 else data[at]
    return LayerThreeFrame(at, main_data_at, begin)


def _side_information_bytes(header: MpegHeader) -> int:
    if header.is_mpeg_1:
        return 17 if header.is_mono else 32
    return 9 if header.is_mono else 17
