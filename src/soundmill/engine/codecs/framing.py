"""What the heads of frames say of their lengths: AC-3, E-AC-3, DTS, AAC in LOAS, WavPack and Musepack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from soundmill.engine.codecs.musepack import musepack_number

HEAD_BYTES = 32
"""As many as the longest head has."""
_FRAMES_IN_A_ROW = 3
_AC3_SYNC, _DTS_SYNC, _DTS_EXTENSION_SYNC = b"\x0b\x77", b"\x7f\xfe\x80\x01", b"\x64\x58\x20\x25"
# ETSI TS 102 366, sections 4.4.1 and E.1.3.1.
_AC3_RATES, _AC3_HALF_RATES = (48_000, 44_100, 32_000), (24_000, 22_050, 16_000)
_AC3_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_AC3_SAMPLES, _BLOCK_SAMPLES, _BLOCKS = 1536, 256, (1, 2, 3, 6)
_FULL_RATE_VERSION, _LAST_AC3_VERSION, _LAST_VERSION = 8, 10, 16
_RESERVED, _DEPENDENT = 3, 1
_LONGEST_AC3_BYTES, _LONGEST_DTS_BYTES = 4096, 16_384
# ETSI TS 102 114, table 5-5.
_DTS_RATES = (0, 8_000, 16_000, 32_000, 0, 0, 11_025, 22_050, 44_100, 0, 0, 12_000, 24_000, 48_000, 0, 0)
_DTS_BLOCK_SAMPLES, _SHORTEST_DTS_BYTES = 32, 96
_DTS_FORM_BYTES, _MOST_FORMS = 9, 1000  # most files have one
# ISO/IEC 14496-3, section 1.7.2, AudioSyncStream: 11 bits, then how many bytes follow in 13.
_LOAS_SYNC, _LOAS_SYNC_MASK, _LOAS_HEAD_BYTES, _LONGEST_LOAS_BYTES = 0x56E0, 0xFFE0, 3, 0x1FFF
# wavpack.com, WavPack 4 & 5 Binary File / Block Format.
_WAVPACK_SYNC, _WAVPACK_HEAD_BYTES, _BEFORE_SIZE, _FIRST_CHANNELS = b"wvpk", 32, 8, 1 << 11
_WAVPACK_RATES = (6, 8, 9.6, 11.025, 12, 16, 22.05, 24, 32, 44.1, 48, 64, 88.2, 96, 192)
# trac.musepack.net, SV8Specification: names of two letters, then the length with both, 7 bits a byte.
_MUSEPACK_MAGIC, _MUSEPACK_SOUND, _MUSEPACK_END = b"MPCK", b"AP", b"SE"
_MUSEPACK_PACKETS = frozenset({b"SH", b"RG", b"EI", b"SO", b"ST", _MUSEPACK_SOUND, b"CT", _MUSEPACK_END})


@dataclass(frozen=True, slots=True)
class Frame:
    """``seconds`` is how long it sounds; 0 where that stands elsewhere, or where it sounds with others."""

    size_bytes: int
    seconds: float
    is_last: bool = False


type FrameOf = Callable[[bytes], Frame | None]
"""What begins with so many bytes as :data:`HEAD_BYTES`; ``None`` where that is no frame."""


@dataclass(frozen=True, slots=True)
class Framing:
    """Frames of one kind begin with ``sync``; ``longest_bytes`` is how long they are at most, where they may begin anywhere."""

    sync: bytes
    frame_of: FrameOf
    longest_bytes: int = 0


def first_of_a_row(head: bytes, kind: str) -> int | None:
    """Where in ``head`` frames of that ``kind`` follow each other, no further than the rest of one reaches that was cut through."""
    framing = FRAMINGS[kind]
    last = framing.longest_bytes + len(framing.sync)
    at = head.find(framing.sync, 0, last)
    while at >= 0 and not _is_row(head, at, framing.frame_of):
        at = head.find(framing.sync, at + 1, last)
    return at if at >= 0 else None


def _is_row(head: bytes, at: int, frame_of: FrameOf) -> bool:
    for number in range(_FRAMES_IN_A_ROW):
        frame = frame_of(head[at : at + HEAD_BYTES])
        if frame is None:
            # A very short file: its frames end exactly with it.
            return number > 0 and at == len(head)
        at += frame.size_bytes
    return True


def _ac3_frame(head: bytes) -> Frame | None:
    if len(head) < 6 or not head.startswith(_AC3_SYNC):
        return None
    version = head[5] >> 3
    if version <= _LAST_AC3_VERSION:
        return _ac3_form(head[4], version)
    return _eac3_frame(head, head[4] >> 6) if version <= _LAST_VERSION else None


@cache
def _ac3_form(code: int, version: int) -> Frame | None:
    rate_code, size_code = code >> 6, code & 63
    if rate_code == _RESERVED or size_code >> 1 >= len(_AC3_KBITS):
        return None
    rate = _AC3_RATES[rate_code]
    # In words of 16 bits, of which 44.1 kHz needs one more now and then.
    words = _AC3_KBITS[size_code >> 1] * 1000 * _AC3_SAMPLES // rate // 16 + (size_code & 1 if rate == 44_100 else 0)
    return Frame(2 * words, _AC3_SAMPLES / (rate >> max(0, version - _FULL_RATE_VERSION)))


def _eac3_frame(head: bytes, rate_code: int) -> Frame | None:
    kind, substream = head[2] >> 6, head[2] >> 3 & 7
    size_bytes = 2 * (((head[2] & 7) << 8 | head[3]) + 1)
    second_code = head[4] >> 4 & 3
    if kind == _RESERVED or _RESERVED == rate_code == second_code:
        return None
    if rate_code == _RESERVED:
        rate, blocks = _AC3_HALF_RATES[second_code], _BLOCKS[-1]
    else:
        rate, blocks = _AC3_RATES[rate_code], _BLOCKS[second_code]
    is_heard = kind != _DEPENDENT and substream == 0
    return Frame(size_bytes, blocks * _BLOCK_SAMPLES / rate if is_heard else 0.0)


def _dts_frame(head: bytes) -> Frame | None:
    """ETSI TS 102 114, sections 5.3 and 7.4: a core, or the extension that follows it."""
    if len(head) < HEAD_BYTES:
        return None
    if head.startswith(_DTS_EXTENSION_SYNC):
        bits = int.from_bytes(head)
        size_bytes = _bits(bits, 55, 20) if _bits(bits, 42, 1) else _bits(bits, 51, 16)
        return Frame(size_bytes + 1, 0.0)
    return _dts_core(head[:_DTS_FORM_BYTES]) if head.startswith(_DTS_SYNC) else None


@lru_cache(_MOST_FORMS)
def _dts_core(form: bytes) -> Frame | None:
    bits = int.from_bytes(form.ljust(HEAD_BYTES))
    blocks, size_bytes, rate = _bits(bits, 39, 7) + 1, _bits(bits, 46, 14) + 1, _DTS_RATES[_bits(bits, 66, 4)]
    if not rate or size_bytes < _SHORTEST_DTS_BYTES:
        return None
    return Frame(size_bytes, blocks * _DTS_BLOCK_SAMPLES / rate)


def _loas_frame(head: bytes) -> Frame | None:
    """ISO/IEC 14496-3, section 1.7.2: how long it sounds stands in only some of them, behind much else."""
    if len(head) < _LOAS_HEAD_BYTES or int.from_bytes(head[:2]) & _LOAS_SYNC_MASK != _LOAS_SYNC:
        return None
    return Frame(_LOAS_HEAD_BYTES + (int.from_bytes(head[:3]) & _LONGEST_LOAS_BYTES), 0.0)


def _wavpack_block(head: bytes) -> Frame | None:
    if len(head) < _WAVPACK_HEAD_BYTES or not head.startswith(_WAVPACK_SYNC):
        return None
    size, samples, flags = (int.from_bytes(head[at : at + 4], "little") for at in (4, 20, 24))
    rate = _WAVPACK_RATES[code] * 1000 if (code := flags >> 23 & 15) < len(_WAVPACK_RATES) else 0
    return Frame(_BEFORE_SIZE + size, samples / rate if rate and flags & _FIRST_CHANNELS else 0.0)


def _musepack_packet(head: bytes) -> Frame | None:
    if head.startswith(_MUSEPACK_MAGIC):
        return Frame(len(_MUSEPACK_MAGIC), 0.0)
    if head[:2] not in _MUSEPACK_PACKETS:
        return None
    size, end = musepack_number(head, 2)
    return Frame(size, 0.0, is_last=head.startswith(_MUSEPACK_END)) if size >= end else None


def _bits(head: int, at: int, count: int) -> int:
    return head >> 8 * HEAD_BYTES - at - count & (1 << count) - 1


FRAMINGS: Mapping[str, Framing] = {
    "ac3": Framing(_AC3_SYNC, _ac3_frame, _LONGEST_AC3_BYTES),
    "eac3": Framing(_AC3_SYNC, _ac3_frame, _LONGEST_AC3_BYTES),
    "dts": Framing(_DTS_SYNC, _dts_frame, _LONGEST_DTS_BYTES),
    "loas": Framing(_LOAS_SYNC.to_bytes(2)[:1], _loas_frame, _LOAS_HEAD_BYTES + _LONGEST_LOAS_BYTES),
    "mpc8": Framing(_MUSEPACK_SOUND, _musepack_packet),
    "wv": Framing(_WAVPACK_SYNC, _wavpack_block),
}
"""By what :func:`soundmill.engine.containers.sniff.sniff` calls the kind."""
