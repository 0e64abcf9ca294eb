"""A file opened for reading: the one stream of sound that will be converted, and what the file declares of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import av
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import Discard, Disposition, Stream

from soundmill.engine.codecs import mlp
from soundmill.engine.codecs.gsm import find_gsm_damage
from soundmill.engine.codecs.mpeg import first_mpeg_frame
from soundmill.engine.codecs.musepack import without_seek_table
from soundmill.engine.containers import flv, fragments, matroska, ogg, syncframes, voc, wave
from soundmill.engine.containers.declared import declared_sample_count
from soundmill.engine.containers.extent import declared_bytes
from soundmill.engine.containers.part import WHOLE, Changed, Section, is_end, open_part, sound_section
from soundmill.engine.containers.sniff import MATROSKA, MOV, sniff, sound_start
from soundmill.engine.containers.words import WideWords, wide_words
from soundmill.engine.damage import Damage, Row
from soundmill.engine.pcm.crowds import MOST_CHANNELS
from soundmill.engine.sandbox.confinement import dying_after
from soundmill.model.conversion import ConversionError, FailureCode

_RATES = range(100, 3_072_001)  # DSD of 24.6 MHz, whose bits FFmpeg takes by eights

_FIND_DAMAGE: Mapping[str, Callable[[BinaryIO], Damage | None]] = {
    MATROSKA: matroska.find_damage,
    MOV: fragments.find_damage,
    "flv": flv.find_damage,
    "gsm": find_gsm_damage,
    "voc": voc.find_damage,
}
_EXAMINE: Mapping[str, Callable[[BinaryIO], Row]] = {
    **{kind: partial(syncframes.examine, kind=kind) for kind in syncframes.KINDS},
    **dict.fromkeys(mlp.KINDS, mlp.examine),
    "wav": wave.examine,
}
# Formats whose header says all: FFmpeg needn't decode a part of the file to find out (25 ms for a WAV).
_SAID_BY_HEADER = frozenset({"wav", "w64", "aiff", "flac", "caf", "au", "tta"})
_SMALL_PROBE = {"probesize": "32768", "analyzeduration": "0"}
# FFmpeg's own choice is an eighth of it for a CD's sound: eight times the calls, for the same samples. The first packet is looked
# at by every demuxer, for DTS and AC-3 that call themselves PCM: 1.6 ms for 64 KiB, and 16 KiB hold too few frames of AC-3.
_LARGE_PACKETS = {"max_size": "32768"}
# PyAV keeps to itself that a block is broken behind others of the same packet.
_A_BLOCK_EACH = {"max_size": "1"}

# Honest files take milliseconds. FFmpeg keeps tags in a list that it searches for each new one: 50,000 take 46 s.
_OPENING = timedelta(seconds=5)

_JUNK_BYTES = 64 * 1024

_DECODER_NAMES = """
flac alac vorbis opus libopus mp1 mp1float mp2 mp2float mp3 mp3float aac aac_latm wmav1 wmav2 wmapro
wmalossless ac3 eac3 dca truehd mlp amrnb amrwb ape tak tta wavpack mpc7 mpc8 dsd_lsbf dsd_msbf dsd_lsbf_planar
dsd_msbf_planar speex libspeex gsm gsm_ms nellymoser adpcm_ima_wav adpcm_ms adpcm_ima_qt adpcm_swf
adpcm_yamaha g722 g726 g726le pcm_alaw pcm_mulaw pcm_u8 pcm_s8 pcm_s16le pcm_s16be pcm_u16le pcm_u16be
pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be pcm_s64le pcm_bluray pcm_dvd
pcm_s8_planar pcm_s16le_planar pcm_s24le_planar pcm_s32le_planar pcm_s16be_planar
"""
# Their frames have checksums; FFmpeg only looks at them, and only minds them, when it is told to.
_WITH_CHECKSUMS = frozenset({"flac", "wavpack", "tta", "tak", "ape", "ac3", "eac3"})
_CHECKED = {"err_detect": "crccheck+explode"}
_DECODERS = frozenset(_DECODER_NAMES.split())
# Most WAV files don't name their channels. Named here, their frames needn't go through a filter that does nothing else.
_PLAIN_LAYOUTS = {"1 channels": "mono", "2 channels": "stereo"}


@dataclass(slots=True)
class Source:
    """An open file. Close it, or use it as a context."""

    path: Path
    kind: str
    container: InputContainer
    stream: AudioStream
    declared_samples: int | None
    damage: Damage | None = None
    """What the structure of the file tells, where it was opened although it is damaged."""
    audio_stream: int | None = None
    """Which of several sounds was asked for."""
    links: Sequence[ogg.Link] = ()
    """The files of Ogg that it is made of: ``container`` and ``stream`` are the first one's."""
    linked_seconds: float = 0.0
    """How long all of these are by their own account."""
    words: WideWords | None = None
    """What its samples stand in, where that is wider than they are."""
    section: Section = WHOLE
    """Without what other programs put around it."""

    def part(self) -> BinaryIO:
        """The :attr:`section` for reading. Close it, or use it as a context."""
        return open_part(self.path, self.section)

    @property
    def is_chained(self) -> bool:
        """True for several files of Ogg in one: each begins with headers of its own."""
        return len(self.links) > 1

    def close(self) -> None:
        """Give the file back."""
        self.container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def expected_seconds(self) -> float | None:
        """How long the sound seems to be: good enough for a progress bar, not for a verdict."""
        if self.is_chained:
            return self.linked_seconds
        if self.declared_samples:
            return self.declared_samples / self.stream.codec_context.sample_rate
        if self.stream.duration and self.stream.duration > 0:
            return float(self.stream.duration * self.stream.time_base)
        duration = self.container.duration
        return duration / av.time_base if duration and duration > 0 else None


def open_source(path: Path, audio_stream: int | None = None, *, although_damaged: bool = False) -> Source:
    """Sniff and open ``path`` (absolute). FFmpeg opens this very file with the one demuxer that fits, and no other file.

    Of several sounds it is the one with the number ``audio_stream``, from 0; else the one that players choose. What is damaged
    is refused unless it shall be opened ``although_damaged``, as far as that can be done.

    Raises ``ConversionError``: ``EMPTY_INPUT``, ``UNSUPPORTED_INPUT``, ``DAMAGED_INPUT``, ``NO_AUDIO``, ``UNSUITABLE_OPTIONS``.
    """
    with path.open("rb") as file:
        kind = sniff(file)
        section = sound_section(file, kind)
    with open_part(path, section) as part:
        section, examined = _examined(part, kind, section)
        damage = examined.damage
        if damage is not None and not although_damaged:
            raise damage.error()
        junk_bytes = _junk_bytes(part) if kind == "mp3" else 0
        words = wide_words(part, kind)
        has_blocks = kind == "wav" and wave.has_blocks_of_many_samples(part)
        links = examined.links
        first = Section(links[0].begin, links[1].begin) if len(links) > 1 else section
        changes = {} if words is None else words.changes
        if kind == "mpc8":
            changes = without_seek_table(part)
        container = _opened(path, kind, first, junk_bytes, changes, has_blocks=has_blocks)
        try:
            sound = _sound_of(container, audio_stream)
            declared = declared_sample_count(part, kind, sound)
            if words is not None and not words.are_of(sound):
                words = None
            return Source(
                path, kind, container, sound, declared, damage, audio_stream, links, examined.seconds, words, section
            )
        except BaseException as error:
            container.close()
            if damage is not None and isinstance(error, ConversionError):
                raise damage.error() from error
            raise


@contextmanager
def opened_section(source: Source, section: Section) -> Iterator[tuple[InputContainer, AudioStream | None]]:
    """A part of the file that is a file of the same kind by itself, and its sound if it has one. Raises as :func:`open_source`."""
    with _opened(source.path, source.kind, section) as container:
        yield container, _sound_of(container, source.audio_stream) if container.streams.audio else None


def _opened(
    path: Path,
    kind: str,
    section: Section,
    junk_bytes: int = 0,
    changes: Mapping[int, bytes] | None = None,
    *,
    has_blocks: bool = False,
) -> InputContainer:
    url = f"file:{path}"
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": kind,
        "codec_whitelist": ",".join(_DECODERS),
        **({"skip_initial_bytes": str(junk_bytes)} if junk_bytes else {}),
        **(_SMALL_PROBE if kind in _SAID_BY_HEADER else {}),
        **((_A_BLOCK_EACH if has_blocks else _LARGE_PACKETS) if kind == "wav" else {}),
    }
    if section != WHOLE:
        url = f"subfile,,start,{section.begin},end,{section.end},,:{url}"
        options["protocol_whitelist"] = "file,subfile"
    try:
        with dying_after(_OPENING):
            file = Changed(path, section, changes) if changes else url
            return av.open(file, "r", format=kind.partition(",")[0], options=options)
    except MemoryError:
        raise
    except av.FFmpegError as error:
        raise ConversionError(
            FailureCode.DAMAGED_INPUT, "The file is damaged: its beginning can't be read.", detail_for_log=str(error)
        ) from error


def _examined(part: BinaryIO, kind: str, section: Section) -> tuple[Section, ogg.Examined]:
    """What FFmpeg reads without complaint, or with an unclear one, although a part of it is missing.

    Where there is something behind the last frame that is none, ``section`` ends before that.
    """
    part.seek(sound_start(part))
    examined = ogg.examine(part) if kind == "ogg" else ogg.Examined(None)
    find_damage = _FIND_DAMAGE.get(kind)
    damage = examined.damage if find_damage is None else find_damage(part)
    if (examine := _EXAMINE.get(kind)) is not None:
        row = examine(part)
        damage = row.damage
        if not is_end(part, row.end, kind):
            section = Section(section.begin, section.begin + row.end)
    if damage is None:
        part.seek(sound_start(part))
        declared, there = declared_bytes(kind, part), part.seek(0, os.SEEK_END)
        if declared is not None and declared > there:
            damage = Damage(None, there, True, f"it declares {declared} bytes")
    if damage is not None and damage.byte is not None:
        damage = replace(damage, byte=section.begin + damage.byte)
    return section, replace(examined, damage=damage)


def _junk_bytes(file: BinaryIO) -> int:
    """What stands before the first MPEG frame: behind it FFmpeg would take LAME's header for sound. A tag is no junk."""
    if sound_start(file):
        return 0
    file.seek(0)
    return first_mpeg_frame(file.read(_JUNK_BYTES)) or 0


def _sound_of(container: InputContainer, audio_stream: int | None) -> AudioStream:
    streams = container.streams.audio
    if not streams:
        raise ConversionError(FailureCode.NO_AUDIO, "This file holds no audio.")
    if audio_stream is not None:
        if audio_stream >= len(streams):
            raise ConversionError(
                FailureCode.UNSUITABLE_OPTIONS,
                f"There is no sound with the number {audio_stream}: this file has {len(streams)}, counted from 0.",
            )
        streams = (streams[audio_stream],)
    readable = [each for each in streams if _decoder_name(each) in _DECODERS]
    if not readable:
        raise ConversionError(
            FailureCode.UNSUPPORTED_INPUT,
            f"soundmill can't decode the sound in this file ({_decoder_name(streams[0])}).",
        )
    chosen = max(
        readable, key=lambda each: (bool(each.disposition & Disposition.default), each.channels or 0, -each.index)
    )
    for each in container.streams:
        if each.index != chosen.index and not _is_picture(each):
            each.discard = Discard.all
    chosen.codec_context.thread_count = 1
    chosen.codec_context.options = decoder_options(chosen.codec_context.name)
    layout = _PLAIN_LAYOUTS.get(chosen.codec_context.layout.name)
    if layout is not None:
        chosen.codec_context.layout = layout
    return chosen


def decoder_options(name: str) -> dict[str, str]:
    """What the decoder of this name is told."""
    return _CHECKED if name in _WITH_CHECKSUMS else {}


def check_sound(sample_rate: int, channels: int) -> None:
    """Refuse what no honest file has. Raises ``ConversionError`` with ``UNSUPPORTED_INPUT``."""
    if sample_rate not in _RATES:
        raise ConversionError(FailureCode.UNSUPPORTED_INPUT, f"A sample rate of {sample_rate} Hz can't be converted.")
    if channels not in range(1, MOST_CHANNELS + 1):
        raise ConversionError(
            FailureCode.UNSUPPORTED_INPUT,
            f"Sound of {channels} channels can't be converted: soundmill takes 1 to {MOST_CHANNELS}.",
        )


def _decoder_name(stream: AudioStream) -> str:
    context: CodecContext | None = stream.codec_context  # None where FFmpeg has no decoder; the stubs don't say so
    return "unknown" if context is None else context.name


def _is_picture(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)
