"""How many samples a RIFF WAVE file (or RF64, EBU Tech 3306, or BW64, ITU-R BS.2088) says it has. FFmpeg says how many there are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from soundmill.engine.damage import Damage, Row

_MOST_CHUNKS, _HEAD_BYTES = 1000, 8
_LONGEST_FORMAT = 1024
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
    block_bytes, long_size = 0, None
    for name, size in chunks(file):
        if name == b"ds64":
            long_size = int.from_bytes(file.read(16)[8:], "little")
        elif name == b"fmt ":
            block_bytes = _block_bytes(file.read(16))
        elif name == b"data":
            file.seek(0)
            is_long = file.read(4) in (b"RF64", b"BW64")
            return _samples(size, long_size if is_long else None, block_bytes)
    return None


def told_sample_count(file: BinaryIO) -> int | None:
    """Samples per channel of sound whose blocks hold many, as its ``fact`` chunk tells; ``None`` where that is another number of blocks."""
    block_bytes = block_samples = told = 0
    for name, size in chunks(file):
        if name == b"fmt ":
            form = file.read(min(size, _LONGEST_FORMAT))
            block_bytes, block_samples = (int.from_bytes(form[at : at + 2], "little") for at in (12, 18))
        elif name == b"fact":
            told = int.from_bytes(file.read(4), "little")
        elif name == b"data" and block_bytes and block_samples and size not in _STREAMED_SIZES:
            whole, rest = divmod(size, block_bytes)
            blocks = whole + bool(rest)
            return told if (blocks - 1) * block_samples < told <= blocks * block_samples else None
    return None


def has_blocks_of_many_samples(file: BinaryIO) -> bool:
    """True where a block may be broken: of ADPCM and the like, not of plain samples."""
    found = format_chunk(file)
    return found is not None and int.from_bytes(found[1][:2], "little") not in _WHOLE_BLOCKS


def end_of_blocks(file: BinaryIO) -> int | None:
    """Behind which byte sound whose blocks hold many samples ends by its header; ``None`` for any other, and where it isn't known."""
    if not has_blocks_of_many_samples(file):
        return None
    for name, size in chunks(file):
        if name == b"data":
            return None if size in _STREAMED_SIZES else file.tell() + size
    return None


def examine(file: BinaryIO) -> Row:
    """Up to a second chunk of sound, which the standard doesn't have; it is damage where there is something in it. FFmpeg reads the last one."""
    byte_rate, bytes_before = 0, None
    for name, size in chunks(file):
        if name == b"fmt ":
            byte_rate = int.from_bytes(file.read(12)[8:], "little")
        elif name == b"data" and bytes_before is None:
            if size in _STREAMED_SIZES:
                break
            bytes_before = size
        elif name == b"data" and bytes_before is not None:
            end = file.tell() - _HEAD_BYTES
            seconds = bytes_before / byte_rate if byte_rate else None
            return Row(Damage(seconds, end, False, "a second chunk of sound") if size else None, end)
    return Row(None, file.seek(0, os.SEEK_END))


def format_chunk(file: BinaryIO) -> tuple[int, bytes] | None:
    """Where what the header says of the sound's form begins, and as much of it as there is of any length that is in use."""
    for name, size in chunks(file):
        if name == b"fmt ":
            return file.tell(), file.read(min(size, _LONGEST_FORMAT))
        if name == b"data":
            break
    return None


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Name and declared size of each; the file stands where its content begins."""
    at = 12
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        header = file.read(_HEAD_BYTES)
        if len(header) < _HEAD_BYTES:
            return
        size = int.from_bytes(header[4:], "little")
        yield header[:4], size
        at += _HEAD_BYTES + size + size % 2


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
