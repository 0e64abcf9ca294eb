"""What a file is said to be, and what it turned out to be once it was decoded."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Protocol

from av.audio.frame import AudioFrame

from soundmill.engine.codecs.program_config import layout_by_frame, layout_by_setup
from soundmill.engine.containers.sniff import sound_start
from soundmill.engine.pcm.layouts import is_nameless, plain_layout
from soundmill.engine.plan import Sound
from soundmill.engine.reading.source import Source
from soundmill.engine.tags.about import About
from soundmill.model.sound import Hole, Loudness, SoundFacts

_MOST_SHOWN_TAGS, _LONGEST_SHOWN_TAG = 100, 2000
_LARGEST_BIT_RATE = (1 << 31) - 1
_PLAIN_PCM = ("pcm_s", "pcm_u", "pcm_f")
_DECODER_SUFFIXES = ("float", "fixed")


class Decoded(Protocol):
    """What was counted while a file was decoded to its end."""

    @property
    def sample_rate(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def channel_layout(self) -> str: ...
    @property
    def sample_count(self) -> int: ...
    @property
    def loudness(self) -> Loudness | None: ...
    @property
    def holes(self) -> tuple[Hole, ...]: ...


def codec_name(source: Source) -> str:
    """The codec's name, without that of the decoder's variant (``mp3float`` is MP3)."""
    name = source.stream.codec_context.name
    for suffix in _DECODER_SUFFIXES:
        name = name.removesuffix(suffix)
    return name.removeprefix("lib")


def sound_facts(path: Path, source: Source, decoding: Decoded, about: About) -> SoundFacts:
    """Facts of a file whose decoding has ended."""
    seconds = decoding.sample_count / decoding.sample_rate
    return SoundFacts(
        codec=codec_name(source),
        container=source.kind.partition(",")[0],
        duration=round(seconds, 6),
        sample_rate=decoding.sample_rate,
        channels=decoding.channels,
        channel_layout=_layout(source, decoding.channel_layout),
        sample_count=decoding.sample_count,
        bit_rate=_bit_rate(path, source, seconds),
        bit_depth=_stored_bits(source),
        tags=_shown(about.tags),
        has_cover=about.cover is not None,
        chapter_count=len(about.chapters),
        loudness=decoding.loudness,
        damage=decoding.holes,
    )


def decoded_sound(source: Source, first: AudioFrame) -> Sound:
    """What comes out of the decoder; ``first`` is the first of its frames."""
    return Sound(
        codec=codec_name(source),
        sample_rate=first.sample_rate,
        channels=first.layout.nb_channels,
        channel_layout=_layout(source, first.layout.name),
        sample_format=first.format.name,
        bit_depth=_sample_bits(source),
    )


def _layout(source: Source, decoded: str) -> str:
    return (_told_layout(source) if is_nameless(decoded) else None) or plain_layout(decoded)


def _told_layout(source: Source) -> str | None:
    context = source.stream.codec_context
    if context.name == "aac" and context.extradata:
        return layout_by_setup(context.extradata)
    if source.kind != "aac":
        return None
    with source.part() as file:
        return layout_by_frame(file, sound_start(file))


def declared_sound(source: Source) -> Sound:
    """As far as a copy must know it. A broken header leaves layout and sample format open until something is decoded."""
    context = source.stream.codec_context
    return Sound(
        codec=codec_name(source),
        sample_rate=context.sample_rate,
        channels=context.channels,
        channel_layout="",
        sample_format="",
        bit_depth=_sample_bits(source),
    )


def _sample_bits(source: Source) -> int | None:
    if source.words is not None:
        return source.words.valid_bits
    return source.stream.codec_context.bits_per_raw_sample or None


def _shown(tags: Mapping[str, str]) -> dict[str, str]:
    """For people and their lists, not for the result, which has them whole: a file may hold megabytes of them."""
    return {name: text[:_LONGEST_SHOWN_TAG] for name, text in islice(tags.items(), _MOST_SHOWN_TAGS)}


def _stored_bits(source: Source) -> int | None:
    """Of a sample, as the codec says; plain PCM of 8, 16 and 32 bits and floats say it by their sample format."""
    context = source.stream.codec_context
    if (bits := _sample_bits(source)) is not None:
        return bits
    return int(8 * context.format.bytes) if context.name.startswith(_PLAIN_PCM) else None


def _bit_rate(path: Path, source: Source, seconds: float) -> int | None:
    """As the stream says, else the file's mean."""
    said = source.stream.codec_context.bit_rate
    # Vorbis' nominal bit rate has a sign (Vorbis I, section 4.2.2), and libvorbis writes -2 above 50 kHz; FFmpeg reads it without one.
    if said and said <= _LARGEST_BIT_RATE:
        return int(said)
    return round(path.stat().st_size * 8 / seconds) if seconds > 0 else None
