"""How many samples a RIFF WAVE file (or RF64, EBU Tech 3306, or BW64, ITU-R BS.2088) says it has. FFmpeg says how many there are."""

from __future__ import annotations

from typing import BinaryIO

_MOST_CHUNKS = 1000
_PCM, _FLOAT, _A_LAW, _MU_LAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_WHOLE_BLOCKS = frozenset({_PCM, _FLOAT, _A_LAW, _MU_LAW, _EXTENSIBLE})
_SIZE_IN_DS64 = 0xFFFF_FFFF
# What programs write that don't know the size yet: ffmpeg and sox into a pipe, arecord, players of streams.
_STREAMED_SIZES = frozenset(
    {0, 0xFFFF_FFFF, 0xFFFF_FFFF - 36, 0xFFFF_FFFF - 44, 0xFFFF_FFFF - 78, 0x7FFF_FFFF, 0x7FFF_FFFF - 36}
    | {0x7FFF_F000, 0x7FFF_F024, 0x8000_0000, 0x7FFF_FFF8, 0x7FFF_FFDB}
)


def wave_sample_count(file: BinaryIO) -> int | None:
    """Samples per channel by the header of uncompressed sound; ``None`` where it doesn't say."""
    file.seek(0)
    is_long = file.read(12)[:4] in (b"RF64", b"BW64")
    block_bytes, long_size = 0, None
    for _ in range(_MOST_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            return None
        size = int.from_bytes(header[4:], "little")
        at = file.tell()
        if header[:4] == b"ds64":
            long_size = int.from_bytes(file.read(16)[8:], "little")
        elif header[:4] == b"fmt ":
            block_bytes = _block_bytes(file.read(16))
        elif header[:4] == b"data":
            return _samples(size, long_size if is_long else None, block_bytes)
        file.seek(at + size + size % 2)
    return None


def _block_bytes(form: bytes) -> int:
    """Bytes of one sample of all channels; 0 where blocks hold more than one."""
    is_plain = len(form) == 16 and int.from_bytes(form[:2], "little") in _WHOLE_BLOCKS
    return int.from_bytes(form[12:14], "little") if is_plain else 0


def _samples(size: int, long_size: int | None, block_bytes: int) -> int | None:
    if not block_bytes:
        return None
    if long_size is not None and size == _SIZE_IN_DS64:
        return long_size // block_bytes
    return None if size in _STREAMED_SIZES else size // block_bytes
