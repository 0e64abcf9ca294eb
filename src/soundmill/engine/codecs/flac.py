"""FLAC frames get other numbers, and STREAMINFO its sums (RFC 9639), without encoding anything anew."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

_SYNC_AND_FORM_BYTES = 4  # section 9.1: sync code and blocking strategy, sizes, channels, bit depth
_CRC_8, _CRC_16 = 0x07, 0x8005  # sections 9.1.8 and 9.3
_BLOCK_SIZE_BYTES = {6: 1, 7: 2}
_RATE_BYTES = {12: 1, 13: 2, 14: 2}
_MOST_FRAME_BYTES = (1 << 24) - 1

type _Numbers = npt.NDArray[np.uint32]


class SoundDigest:
    """The MD5 of a whole sound, by which STREAMINFO (section 8.2) knows it."""

    def __init__(self, bits: int) -> None:
        """``bits`` is the depth that the stream is coded with."""
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sample_bytes = -(-bits // 8)
        self._stored_bytes = 2 if bits <= 16 else 4
        self._shift = 8 * self._stored_bytes - bits

    def add(self, block: memoryview) -> None:
        """Interleaved samples in the upper part of 16 or 32 bits, as FFmpeg has them."""
        if not self._shift:
            self._md5.update(block)
        else:
            samples = np.frombuffer(block, f"<i{self._stored_bytes}") >> self._shift
            self._md5.update(samples.view(np.uint8).reshape(-1, self._stored_bytes)[:, : self._sample_bytes].tobytes())

    def digest(self) -> bytes:
        """Of all so far."""
        return self._md5.digest()


class StreamInfo:
    """Counts what STREAMINFO (section 8.2) says of the whole, while blocks and frames come by in their order."""

    def __init__(self, bits: int) -> None:
        """``bits`` is the depth that the stream is coded with: 16 or 24."""
        self._digest = SoundDigest(bits)
        self._smallest, self._largest, self._samples = _MOST_FRAME_BYTES, 0, 0

    def add_sound(self, block: memoryview, samples: int) -> None:
        """Interleaved samples of 16 bits, or of 24 in the upper part of 32; ``samples`` of them a channel."""
        self._digest.add(block)
        self._samples += samples

    def add_frames(self, sizes: Sequence[int]) -> None:
        """The sizes of the next coded frames in bytes."""
        self._smallest = min(self._smallest, *sizes)
        self._largest = max(self._largest, *sizes)

    def finished(self, head: bytes) -> bytes:
        """The block for the whole stream, from the one that the encoder began with."""
        packed = int.from_bytes(head[10:18]) >> 36 << 36 | self._samples
        sizes = self._smallest.to_bytes(3) + self._largest.to_bytes(3)
        return head[:4] + sizes + packed.to_bytes(8) + self._digest.digest()


def with_digest(head: bytes, digest: bytes) -> bytes:
    """STREAMINFO with another MD5."""
    return head[:18] + digest + head[34:]


def told_digest(head: bytes) -> bytes | None:
    """The MD5 that STREAMINFO tells; nothing where whoever wrote it didn't know."""
    told = head[18:34]
    return told if any(told) else None


def form_of(head: bytes) -> bytes:
    """What STREAMINFO says of each frame: sizes of blocks, sample rate, channels and depth."""
    return head[:4] + (int.from_bytes(head[10:18]) >> 36).to_bytes(4)


def renumbered(frames: Sequence[bytes], first: int) -> list[bytes]:
    """``frames`` as those of a stream from the one with the number ``first`` on: other coded numbers and checksums of headers and frames."""
    parts = [_renumbered(frame, number) for number, frame in enumerate(frames, first)]
    differences, sizes = (np.array([part[at] for part in parts], np.uint32) for at in (2, 3))
    # The checksum is linear: what the two heads make different, moved behind the body, is what the whole differs by.
    shifted = _shifted(differences, sizes).tolist()
    return [
        b"".join((head, body, (int.from_bytes(frame[-2:]) ^ difference).to_bytes(2)))
        for frame, (head, body, _, _), difference in zip(frames, parts, shifted, strict=True)
    ]


def _renumbered(frame: bytes, number: int) -> tuple[bytes, memoryview, int, int]:
    """Its head, its body, how the heads' checksums differ, and the body's size."""
    old_size = _number_bytes(frame[4])
    rest_at = _SYNC_AND_FORM_BYTES + old_size
    rest_size = _BLOCK_SIZE_BYTES.get(frame[2] >> 4, 0) + _RATE_BYTES.get(frame[2] & 15, 0)
    body_at = rest_at + rest_size + 1
    head = frame[:4] + coded_number(number) + frame[rest_at : rest_at + rest_size]
    head += bytes([_crc(head, _CRC_8, 8)])
    body = memoryview(frame)[body_at:-2]
    difference = _crc(head, _CRC_16, 16) ^ _crc(frame[:body_at], _CRC_16, 16)
    return head, body, difference, len(body)


def coded_number(number: int) -> bytes:
    """Section 9.1.5: like UTF-8, up to 36 bits."""
    if number < 0x80:
        return bytes([number])
    size = next(each for each in range(2, 8) if number < 1 << 5 * each + 1)
    tail = bytes(0x80 | number >> 6 * each & 0x3F for each in range(size - 2, -1, -1))
    return bytes([0xFF << (8 - size) & 0xFF | number >> 6 * (size - 1)]) + tail


def _number_bytes(first: int) -> int:
    return 1 if first < 0x80 else 8 - (first ^ 0xFF).bit_length()


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    table, mask, crc = _table(polynomial, bits), (1 << bits) - 1, 0
    for byte in data:
        crc = crc << 8 & mask ^ table[crc >> (bits - 8) ^ byte]
    return crc


@cache
def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    return tuple(_by_eight(byte << (bits - 8), polynomial, bits) for byte in range(256))


def _by_eight(value: int, polynomial: int, bits: int) -> int:
    for _ in range(8):
        value <<= 1
        if value >> bits:
            value ^= 1 << bits | polynomial
    return value


def _shifted(crcs: _Numbers, zero_bytes: _Numbers) -> _Numbers:
    """The checksums 16 of what has ``crcs``, with so many zero bytes behind it: each times x to their bits."""
    for place, powers in enumerate(_powers()):
        crcs = _product(crcs, powers[zero_bytes >> 8 * place & 0xFF])
    return crcs


@cache
def _powers() -> tuple[_Numbers, ...]:
    """x to the power of 8 times each digit of a 24-bit number in base 256, modulo the polynomial: a frame has no more bytes."""
    by_digit, factor = [], np.array([_by_eight(1, _CRC_16, 16)], np.uint32)
    for _ in range(3):
        powers = np.array([1], np.uint32)
        while len(powers) < 256:
            powers, factor = np.concatenate((powers, _product(powers, factor))), _product(factor, factor)
        by_digit.append(powers)
    return tuple(by_digit)


def _product(left: _Numbers, right: _Numbers) -> _Numbers:
    """Of polynomials over GF(2), modulo that of the checksum."""
    product = np.zeros_like(left)
    for bit in range(15, -1, -1):
        product <<= 1
        product ^= (product >> 16) * (0x10000 | _CRC_16)
        product ^= (right >> bit & 1) * left
    return product
