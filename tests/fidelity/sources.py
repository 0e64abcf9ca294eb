"""The rows of the matrix: one file a kind of source, made by the machine's ffmpeg, with tags, pictures and chapters where it holds them."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mutagen.asf import ASF, ASFByteArrayAttribute
from mutagen.flac import FLAC
from mutagen.flac import Picture as FlacPicture
from mutagen.id3 import APIC, ID3
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from tests.sounds import ffmpeg, jpeg, music, write

SECONDS = 1.2
TAGS = {
    "title": "Ωμέγα 日本語",
    "artist": "Ann",
    "album": "An Album",
    "album_artist": "The Band",
    "track": "3",
    "date": "2021",
    "genre": "Jazz",
    "comment": "a “comment”",
    "composer": "Gödel",
}
_CHAPTERS = """;FFMETADATA1
[CHAPTER]
TIMEBASE=1/1000
START=0
END=500
title=One
[CHAPTER]
TIMEBASE=1/1000
START=500
END=1200
title=Two
"""


@dataclass(frozen=True)
class Recipe:
    """How a source is made: ``arguments`` are ffmpeg's, ``rate`` in Hz. ``is_lossless`` says that its samples are those recorded."""

    name: str
    extension: str
    arguments: str
    is_lossless: bool
    bits: int = 16
    rate: int = 44_100
    channels: int = 2
    has_chapters: bool = False
    add_pictures: Callable[[Path], None] | None = None

    def make(self, directory: Path) -> Path:
        """The file, in ``directory``."""
        subtype = {16: "PCM_16", 24: "PCM_24", 32: "FLOAT"}[self.bits]
        recorded = write(
            directory / f"{self.name} recorded.wav", music(SECONDS, self.rate, self.channels), self.rate, subtype
        )
        said = directory / "chapters.txt"
        said.write_text(_CHAPTERS)
        made = directory / f"{self.name}.{self.extension}"
        chapters: list[str | Path] = (
            ["-i", said, "-map_metadata", "1", "-map_chapters", "1"] if self.has_chapters else []
        )
        tags = [word for name, text in TAGS.items() for word in ("-metadata", f"{name}={text}")]
        ffmpeg("-i", recorded, *chapters, "-map", "0:a", *tags, *self.arguments.split(), made)
        recorded.unlink()
        if self.add_pictures:
            self.add_pictures(made)
        return made


_FRONT_AND_BACK = ((3, 16), (4, 32))


def _pictures() -> Iterator[FlacPicture]:
    for kind, size in _FRONT_AND_BACK:
        picture = FlacPicture()
        picture.type, picture.mime, picture.data = kind, "image/jpeg", jpeg(size)
        picture.width = picture.height = size
        picture.depth = 24
        yield picture


def _id3(path: Path) -> None:
    frames = ID3(path)
    for kind, size in _FRONT_AND_BACK:
        frames.add(APIC(encoding=3, mime="image/jpeg", type=kind, desc=f"{size}", data=jpeg(size)))
    frames.save(path)


def _flac(path: Path) -> None:
    song = FLAC(path)
    for each in _pictures():
        song.add_picture(each)
    song.save()


def _vorbis(path: Path) -> None:
    song = OggOpus(path) if path.suffix == ".opus" else OggVorbis(path)
    song["metadata_block_picture"] = [base64.b64encode(each.write()).decode() for each in _pictures()]
    song.save()


def _mp4(path: Path) -> None:
    song = MP4(path)
    song["covr"] = [MP4Cover(jpeg(size), MP4Cover.FORMAT_JPEG) for _, size in _FRONT_AND_BACK]
    song["\xa9lyr"] = ["la la"]
    song.save()


def _asf(path: Path) -> None:
    song = ASF(path)
    song["WM/Picture"] = [
        ASFByteArrayAttribute(
            struct.pack("<BI", kind, len(jpeg(size))) + "image/jpeg\0\0".encode("utf-16-le") + jpeg(size)
        )
        for kind, size in _FRONT_AND_BACK
    ]
    song.save()


RECIPES = (
    Recipe("wav16", "wav", "-c:a pcm_s16le", True),
    Recipe("wav24", "wav", "-c:a pcm_s24le", True, bits=24),
    Recipe("wavfloat", "wav", "-c:a pcm_f32le", True, bits=32),
    Recipe("wav24-96k", "wav", "-c:a pcm_s24le", True, bits=24, rate=96_000),
    Recipe("wav16-mono-8k", "wav", "-c:a pcm_s16le", True, rate=8_000, channels=1),
    Recipe("wav16-5.1", "wav", "-c:a pcm_s16le -channel_layout 5.1", True, rate=48_000, channels=6),
    Recipe("w64", "w64", "-c:a pcm_s16le", True),
    Recipe("caf", "caf", "-c:a pcm_s16be", True),
    Recipe("aiff16", "aiff", "-c:a pcm_s16be -write_id3v2 1", True),
    Recipe("aiff24", "aiff", "-c:a pcm_s24be -write_id3v2 1", True, bits=24),
    Recipe("flac16", "flac", "-c:a flac", True, add_pictures=_flac),
    Recipe("flac24", "flac", "-c:a flac", True, bits=24, add_pictures=_flac),
    Recipe("alac16", "m4a", "-c:a alac", True, has_chapters=True, add_pictures=_mp4),
    Recipe("mka-flac24", "mka", "-c:a flac", True, bits=24, has_chapters=True),
    Recipe("tta", "tta", "-c:a tta", True),
    Recipe("wavpack", "wv", "-c:a wavpack", True),
    Recipe("mp3", "mp3", "-c:a libmp3lame -b:a 192k", False, has_chapters=True, add_pictures=_id3),
    Recipe("mp2", "mp2", "-c:a mp2", False),
    Recipe("aac", "aac", "-c:a aac -b:a 160k", False),
    Recipe("m4a", "m4a", "-c:a aac -b:a 160k", False, has_chapters=True, add_pictures=_mp4),
    Recipe("ogg", "ogg", "-c:a libvorbis -q:a 5", False, add_pictures=_vorbis),
    Recipe("opus", "opus", "-c:a libopus -b:a 128k", False, add_pictures=_vorbis),
    Recipe("webm", "webm", "-c:a libopus -b:a 128k", False, has_chapters=True),
    Recipe("wma", "wma", "-c:a wmav2 -b:a 192k", False, has_chapters=True, add_pictures=_asf),
    Recipe("ac3", "ac3", "-c:a ac3 -b:a 192k", False),
)
