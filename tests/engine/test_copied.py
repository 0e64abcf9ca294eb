"""What a copy decodes to is told by comparing it with what was copied: never otherwise than decoding all of it would."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from soundmill.engine.comparing.compared import Sounding
from soundmill.engine.comparing.copied import Copied
from soundmill.engine.conversion.remux import copy_sound
from soundmill.engine.plan import Sound, copy_plan
from soundmill.engine.reading.decode import Decoding
from soundmill.engine.reading.source import Source, open_source
from soundmill.engine.tags.about import About
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.sounds import encoded, music

LONG = music(12.34)
LONGEST = timedelta(hours=1)


@dataclass
class Copy:
    """A copy, and what was noted while it was made; the source stays open."""

    path: Path
    source: Source
    copied: Copied

    def heard(self) -> Sounding | None:
        """By comparing."""
        with open_source(self.path) as result:
            return self.copied.hear(result)

    def decoded(self) -> Sounding:
        """By decoding all of it."""
        with open_source(self.path) as result:
            decoding = Decoding(result, LONGEST)
            for _ in decoding.frames():
                pass
            return Sounding(decoding.sample_rate, decoding.channels, decoding.channel_layout, decoding.sample_count)


def copy(source_path: Path, to: str) -> Copy:
    """Made in this process."""
    target = FORMATS[to]
    source = open_source(source_path)
    context = source.stream.codec_context
    codec = context.name.removeprefix("lib").removesuffix("float")
    sound = Sound(codec, context.sample_rate, context.channels, "", "", context.bits_per_raw_sample or None)
    plan = copy_plan(source.kind, sound, target, ConversionOptions())
    assert plan is not None
    path = source_path.with_name(f"copy.{target.extension}")
    copied = copy_sound(path, source, Decoding(source, LONGEST), plan, About(), lambda seconds: None)
    return Copy(path, source, copied)


@pytest.mark.parametrize(
    ("coder", "name", "to"),
    [
        ("aac", "a.m4a", "aac"),
        ("aac", "a.m4a", "m4a"),
        ("aac", "a.mkv", "aac"),
        ("aac", "a.aac", "m4a"),
        ("libopus", "a.opus", "webm"),
        ("libopus", "a.webm", "opus"),
        ("libmp3lame", "a.mp3", "mp3"),
        ("flac", "a.flac", "mka"),
        ("flac", "a.mka", "flac"),
        ("alac", "a.m4a", "alac"),
    ],
)
def test_comparing_tells_what_decoding_does(tmp_path: Path, coder: str, name: str, to: str) -> None:
    made = copy(encoded(tmp_path, name, "-c:a", coder, samples=LONG, rate=48_000), to)
    assert made.heard() == made.decoded()


@pytest.mark.parametrize(("coder", "name", "to"), [("aac", "a.m4a", "aac"), ("libopus", "a.opus", "webm")])
def test_one_other_byte_is_noticed(tmp_path: Path, coder: str, name: str, to: str) -> None:
    made = copy(encoded(tmp_path, name, "-c:a", coder, samples=LONG, rate=48_000), to)
    data = bytearray(made.path.read_bytes())
    data[len(data) // 2] ^= 1
    made.path.write_bytes(data)
    assert made.heard() is None


@pytest.mark.parametrize("part", [0.5, 0.99])
def test_a_missing_end_is_noticed(tmp_path: Path, part: float) -> None:
    made = copy(encoded(tmp_path, "a.m4a", "-c:a", "aac", samples=LONG, rate=48_000), "aac")
    data = made.path.read_bytes()
    made.path.write_bytes(data[: round(part * len(data))])
    assert made.heard() is None


def test_another_header_between_the_frames_is_noticed(tmp_path: Path) -> None:
    made = copy(encoded(tmp_path, "a.m4a", "-c:a", "aac", samples=LONG, rate=48_000), "aac")
    data = bytearray(made.path.read_bytes())
    at = data.index(data[:2], len(data) // 2)
    data[at + 2] ^= 0x04  # another sampling_frequency_index
    made.path.write_bytes(data)
    assert made.heard() is None


def test_a_short_sound_and_vorbis_are_left_to_decoding(tmp_path: Path) -> None:
    short = encoded(tmp_path, "short.m4a", "-c:a", "aac", samples=music(0.5), rate=48_000)
    assert copy(short, "aac").heard() is None
    vorbis = encoded(tmp_path, "a.webm", "-c:a", "libvorbis", samples=LONG, rate=48_000)
    assert copy(vorbis, "ogg").heard() is None
