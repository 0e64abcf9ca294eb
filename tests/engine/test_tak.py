"""TAK, of which the machine has no encoder: a file of one frame, whose fewer than 16 samples stand in it as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soundmill.model.conversion import ConversionError
from tests.engine.conftest import Convert
from tests.sounds import decoded

SAMPLES = np.array([[1000 * each, -77 * each] for each in range(-7, 8)], np.int16)
STREAM_INFO, END = 1, 0
SYNC, IS_LAST, HAS_INFO = 0xA0FF, 1, 2


def bits(*fields: tuple[int, int]) -> bytes:
    """Pairs of value and width, the lowest bit first, filled up to whole bytes."""
    value = at = 0
    for number, width in fields:
        value |= (number & (1 << width) - 1) << at
        at += width
    return value.to_bytes(-(-at // 8), "little")


def checksum(data: bytes) -> bytes:
    """That of OpenPGP (RFC 9580, section 6.1)."""
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc = (crc << 1 ^ (0x864CFB if crc & 0x800000 else 0)) & 0xFFFFFF
    return crc.to_bytes(3, "little")


def tak(samples: np.ndarray[tuple[int, int], np.dtype[np.int16]]) -> bytes:
    count = len(samples)
    # Codec, profile, frames of 4,096 samples, how many, PCM, 44,100 Hz, 16 bits, two channels, and no layout.
    info = bits((2, 6), (0, 4), (4, 4), (count, 35), (0, 3), (44_100 - 6000, 18), (16 - 8, 5), (2 - 1, 4), (0, 1))
    head = bits((SYNC, 16), (IS_LAST | HAS_INFO, 3), (0, 21), (count - 1, 14), (0, 2)) + info + bits((0, 8))
    info += checksum(info)
    body = bits(*((int(each), 16) for each in samples.T.flat))
    end = bytes([END, 0, 0, 0])
    block = bytes([STREAM_INFO]) + len(info).to_bytes(3, "little") + info
    return b"tBaK" + block + end + head + checksum(head) + body + checksum(body)


def test_tak_converts_exactly(tmp_path: Path, convert: Convert) -> None:
    source = tmp_path / "a.tak"
    source.write_bytes(tak(SAMPLES))
    made = convert(source, "wav")
    assert made.report.source.codec == "tak"
    assert np.array_equal(decoded(made.path) * 32_768, SAMPLES)


@pytest.mark.parametrize("at", [-40, -1])
def test_a_changed_byte_of_tak_is_told(tmp_path: Path, convert: Convert, at: int) -> None:
    source, data = tmp_path / "a.tak", bytearray(tak(SAMPLES))
    data[at] ^= 1
    source.write_bytes(data)
    with pytest.raises(ConversionError, match="is damaged"):
        convert(source, "wav")


def test_tak_that_is_cut_off_is_told(tmp_path: Path, convert: Convert) -> None:
    source = tmp_path / "a.tak"
    source.write_bytes(tak(SAMPLES)[:-20])
    with pytest.raises(ConversionError, match="is damaged"):
        convert(source, "wav")
