"""How many samples a file says it has, where it says so in a way that can be relied on.

A file that holds less was cut off. Estimates from a bit rate are worth nothing here: they follow the file's size.
"""

from __future__ import annotations

from typing import BinaryIO

from av.audio.stream import AudioStream

from soundmill.engine.codecs.mpeg import xing_sample_count
from soundmill.engine.codecs.musepack import musepack_bounds
from soundmill.engine.containers import data_size
from soundmill.engine.containers.asf import file_properties
from soundmill.engine.containers.sniff import MOV, sound_start
from soundmill.engine.containers.wave import wave_sample_count

# The header counts samples (or the muxer knew them when it wrote it).
_COUNTED = frozenset({"flac", "aiff", "w64", "caf", "tta", "tak", "wv", "ape", MOV})
_HEAD_BYTES = 64 * 1024
# Encoders disagree whether the frame that holds the count counts itself.
_MPEG_FRAME_SAMPLES = 1152
# Some programs count the bytes that fill its last chunk up to 8: as many samples at most.
_W64_ALIGNMENT = 8
# Its packets are counted whole by some programs, and ffmpeg counts one more of FLAC; ALAC's are as large as this.
_CAF_PACKET_SAMPLES = 4096


def declared_sample_count(file: BinaryIO, kind: str, stream: AudioStream) -> int | None:
    """Samples per channel, or ``None`` where ``file``, of which ``stream`` is the sound, doesn't say."""
    file.seek(0)
    if kind == "wav":
        return wave_sample_count(file)
    if kind == "asf":
        # FFmpeg guesses from the bit rate where a tagger made the file longer without saying so in its header.
        found = file_properties(file)
        return None if found is None else int(found.seconds * stream.codec_context.sample_rate)
    if kind == "mp3":
        file.seek(sound_start(file))
        return xing_sample_count(file.read(_HEAD_BYTES))
    if kind in ("mpc", "mpc8"):
        bounds = musepack_bounds(file)
        return None if bounds is None else len(bounds)
    if kind in data_size.KINDS and stream.codec_context.name.startswith("pcm_"):
        size = data_size.told_data_bytes(file, kind)
        return None if size is None else size // _sample_bytes(stream)
    return _by_stream(stream) if kind in _COUNTED else None


def shortfall_allowed(kind: str, sample_rate: int, packet_samples: int, *, is_plain: bool) -> int:
    """How many samples fewer than declared are no sign of damage: headers in milliseconds, edit lists, encoder delay.

    Of sound that ``is_plain``, nothing but samples, no packets are counted.
    """
    if kind == "w64":
        return _W64_ALIGNMENT
    if kind == "caf":
        return 0 if is_plain else max(_CAF_PACKET_SAMPLES, packet_samples)
    if kind in ("flac", "wav", "aiff", "au", "tta", "tak", "wv", "mpc", "mpc8"):
        return 0
    return sample_rate // 2 if kind == "asf" or kind == MOV else _MPEG_FRAME_SAMPLES


def _by_stream(stream: AudioStream) -> int | None:
    if not stream.duration or stream.duration < 0:
        return None
    return int(stream.duration * stream.time_base * stream.codec_context.sample_rate)


def _sample_bytes(stream: AudioStream) -> int:
    """Of all channels; FFmpeg's names of PCM tell the bits, but for those of G.711, which has 8."""
    bits = int("".join(filter(str.isdigit, stream.codec_context.name)) or 8)
    return stream.codec_context.channels * bits // 8
