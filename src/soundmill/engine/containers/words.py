"""Files of WAVE, Wave64, CAF and QuickTime whose samples are narrower than the words that they stand in: 24 bits in 32, as recorders and editors have them.

FFmpeg takes the width of the samples for that of the words: it reads three bytes where four stand, or takes those for floats.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from soundmill.engine.containers.boxes import contents
from soundmill.engine.containers.sniff import MOV
from soundmill.engine.containers.wave import format_chunk
from soundmill.engine.pcm.planes import SAMPLE_TYPES, planes

_EXTENSIBLE = b"\xfe\xff"
# Microsoft, WAVEFORMATEXTENSIBLE: where the samples' width stands, and the sub-format, which is that of PCM here.
_VALID_BITS = slice(18, 20)
_PCM = bytes.fromhex("0100000000001000800000aa00389b71")
_EXTENSIBLE_BYTES = 40
# Wave64 has a GUID of 16 bytes and a length of 8 before what WAVE has; chunks begin at multiples of 8.
_W64_HEAD_BYTES, _W64_CHUNK_BYTES, _W64_ALIGNMENT = 40, 24, 8
_W64_FORMAT = b"fmt \xf3\xac\xd3\x11"
# Core Audio Format, the description comes first: rate, "lpcm", flags, bytes and frames of a packet, channels, bits of a sample.
_CAF_DESCRIPTION_AT, _CAF_DESCRIPTION = 20, struct.Struct(">8x4s5I")
_CAF_BITS_AT = _CAF_DESCRIPTION_AT + 28
# QuickTime File Format, "Sound Sample Description (Version 2)", behind the version and the count of descriptions, with
# the same fields at its end: channels, 0x7F000000, bits of a sample, flags, bytes and frames of a packet.
_MOV_DESCRIPTION, _MOV_BITS_AT = struct.Struct(">8x4x4s8xH30x6I"), 8 + 56
_MOV_VERSION = 2
_FLOAT = 1  # a flag of both
_MOST_CHUNKS = 100
_LARGEST_W64_CHUNK = 1 << 40  # no file can be read behind some


@dataclass(frozen=True, slots=True)
class WideWords:
    """Words of which the upper ``valid_bits`` are a sample; headers say so at the bytes in ``places``, where ``whole`` would mean all of a word.

    Of several tracks those with the numbers ``tracks`` have them; where that is empty, it is the only one.
    """

    places: tuple[int, ...]
    whole: bytes
    valid_bits: int
    tracks: tuple[int, ...] = ()

    @property
    def changes(self) -> dict[int, bytes]:
        """What FFmpeg must read, and where, so that it takes samples as wide as their words."""
        return dict.fromkeys(self.places, self.whole)

    def are_of(self, stream: AudioStream) -> bool:
        """True where they are that stream's, and not those of another sound, or of one that has plain words."""
        is_its_track = not self.tracks or stream.index in self.tracks
        return is_its_track and stream.codec_context.name.startswith("pcm_s")

    def blank(self, frame: AudioFrame) -> None:
        """Put zeros below the samples: whatever stands there is none of their bits, and no other format has a place for it."""
        below = 8 * frame.format.bytes - self.valid_bits
        for plane in planes(frame):
            words = np.frombuffer(plane, SAMPLE_TYPES[frame.format.name])
            np.bitwise_and(words, -1 << below, out=words)


def wide_words(file: BinaryIO, kind: str) -> WideWords | None:
    """Nothing for a file that FFmpeg reads as it stands; ``kind`` is what :func:`soundmill.engine.containers.sniff.sniff` calls it."""
    if kind == "caf":
        return _of_description(file)
    if kind == MOV:
        return _of_sample_descriptions(file)
    found = {"wav": format_chunk, "w64": _w64_format}[kind](file) if kind in ("wav", "w64") else None
    if found is None:
        return None
    at, form = found
    channels, block_bytes, word_bits, valid_bits = (
        int.from_bytes(form[begin : begin + 2], "little") for begin in (2, 12, 14, _VALID_BITS.start)
    )
    is_pcm = len(form) == _EXTENSIBLE_BYTES and form.startswith(_EXTENSIBLE) and form.endswith(_PCM)
    if not is_pcm or block_bytes * 8 != channels * word_bits or not _is_wide(word_bits, valid_bits):
        return None
    return WideWords((at + _VALID_BITS.start,), word_bits.to_bytes(2, "little"), valid_bits)


def _of_description(file: BinaryIO) -> WideWords | None:
    file.seek(_CAF_DESCRIPTION_AT)
    head = file.read(_CAF_DESCRIPTION.size)
    if len(head) < _CAF_DESCRIPTION.size:
        return None
    codec, flags, packet_bytes, frames, channels, bits = _CAF_DESCRIPTION.unpack(head)
    return _words_of_apple(_CAF_BITS_AT, codec, flags, packet_bytes, frames, channels, bits)


def _words_of_apple(
    at: int, codec: bytes, flags: int, packet_bytes: int, frames: int, channels: int, bits: int
) -> WideWords | None:
    """``at`` is where ``bits`` stands; the others are fields of an ``AudioStreamBasicDescription`` (Core Audio Types)."""
    if codec != b"lpcm" or flags & _FLOAT or frames != 1 or not channels:
        return None
    word_bytes, rest = divmod(packet_bytes, channels)
    if rest or not _is_wide(8 * word_bytes, bits):
        return None
    return WideWords((at,), (8 * word_bytes).to_bytes(4), bits)


def _of_sample_descriptions(file: BinaryIO) -> WideWords | None:
    """Of all sounds with such words, where these are alike: which of them will be heard isn't known yet."""
    tables = contents(file, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    by_track = {
        number: each
        for number, (begin, _) in enumerate(tables)
        if (each := _of_sample_description(file, begin)) is not None
    }
    found = list(by_track.values())
    if len({(each.whole, each.valid_bits) for each in found}) != 1:
        return None
    return replace(found[0], places=tuple(place for each in found for place in each.places), tracks=tuple(by_track))


def _of_sample_description(file: BinaryIO, begin: int) -> WideWords | None:
    file.seek(begin)
    head = file.read(_MOV_DESCRIPTION.size)
    if len(head) < _MOV_DESCRIPTION.size:
        return None
    codec, version, channels, _, bits, flags, packet_bytes, frames = _MOV_DESCRIPTION.unpack(head)
    if version != _MOV_VERSION:
        return None
    return _words_of_apple(begin + _MOV_BITS_AT, codec, flags, packet_bytes, frames, channels, bits)


def _is_wide(word_bits: int, valid_bits: int) -> bool:
    return word_bits in (16, 24, 32) and 0 < valid_bits <= word_bits - 8


def _w64_format(file: BinaryIO) -> tuple[int, bytes] | None:
    at = _W64_HEAD_BYTES
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        header = file.read(_W64_CHUNK_BYTES)
        size = int.from_bytes(header[16:], "little")
        if size < _W64_CHUNK_BYTES or size > _LARGEST_W64_CHUNK:
            return None
        if header.startswith(_W64_FORMAT):
            return file.tell(), file.read(min(size - _W64_CHUNK_BYTES, _EXTENSIBLE_BYTES))
        at += size + -size % _W64_ALIGNMENT
    return None
