"""WAVE files whose samples are narrower than the words that they stand in: 24 bits in 32, as recorders and editors have them.

FFmpeg takes the width of the samples for that of the words: it reads three bytes where four stand, or takes those for floats.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from av.audio.frame import AudioFrame

from soundmill.engine.planes import planes
from soundmill.engine.wave import format_chunk

_EXTENSIBLE = b"\xfe\xff"
# Microsoft, WAVEFORMATEXTENSIBLE: where the samples' width stands, and the sub-format, which is that of PCM here.
_VALID_BITS = slice(18, 20)
_PCM = bytes.fromhex("0100000000001000800000aa00389b71")
_EXTENSIBLE_BYTES = 40
_TYPES: Mapping[str, type[np.int16 | np.int32]] = {"s16": np.int16, "s32": np.int32}


@dataclass(frozen=True, slots=True)
class WideWords:
    """Words of ``word_bits``, of which the upper ``valid_bits`` are a sample; the header says so at the byte ``at``."""

    at: int
    word_bits: int
    valid_bits: int

    def blank(self, frame: AudioFrame) -> None:
        """Put zeros below the samples: whatever stands there is none of their bits, and no other format has a place for it."""
        kind = _TYPES[frame.format.name]
        below = np.iinfo(kind).bits - self.valid_bits
        for plane in planes(frame):
            words = np.frombuffer(plane, kind)
            np.bitwise_and(words, kind(-1 << below), out=words)


def wide_words(file: BinaryIO) -> WideWords | None:
    """Nothing for a file that FFmpeg reads as it stands."""
    found = format_chunk(file)
    if found is None:
        return None
    at, form = found
    channels, block_bytes, word_bits, valid_bits = (
        int.from_bytes(form[begin : begin + 2], "little") for begin in (2, 12, 14, _VALID_BITS.start)
    )
    is_pcm = len(form) == _EXTENSIBLE_BYTES and form.startswith(_EXTENSIBLE) and form.endswith(_PCM)
    is_wide = word_bits in (16, 24, 32) and 0 < valid_bits <= word_bits - 8
    if not is_pcm or not is_wide or block_bytes * 8 != channels * word_bits:
        return None
    return WideWords(at + _VALID_BITS.start, word_bits, valid_bits)


class AsWide(io.FileIO):
    """The file with samples as wide as its words."""

    def __init__(self, path: Path, words: WideWords) -> None:
        """Open it for reading."""
        super().__init__(path)
        self._at, self._said = words.at, words.word_bits.to_bytes(2, "little")

    def read(self, size: int | None = -1, /) -> bytes:
        """As the file has it, but for those two bytes."""
        begin = self.tell()
        data = super().read(size)
        if begin + len(data) <= self._at or begin >= self._at + len(self._said):
            return data
        changed = bytearray(data)
        for place, byte in enumerate(self._said, self._at - begin):
            if 0 <= place < len(changed):
                changed[place] = byte
        return bytes(changed)
