"""Ogg Vorbis by libsndfile, which carries libvorbis; the comments by mutagen afterwards."""

from __future__ import annotations

import base64
from collections.abc import Buffer
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from mutagen.flac import Picture as PictureBlock
from mutagen.oggvorbis import OggVorbis

from soundmill.engine.covers import FRONT_COVER
from soundmill.engine.picture import Picture
from soundmill.engine.plan import Plan
from soundmill.engine.tags import About, chapter_title

# libvorbis gets all of a write at once on its stack: large ones overflow it.
WRITE_SAMPLES = 4096

# The order of channels in Vorbis (Vorbis I, section 4.3.9) by FFmpeg's, which is WAVE's.
_ORDER = {
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 4, 5, 3),
    7: (0, 2, 1, 5, 6, 4, 3),
    8: (0, 2, 1, 6, 7, 4, 5, 3),
}
_COMMENT_NAMES = {"track": "TRACKNUMBER", "disc": "DISCNUMBER", "album_artist": "ALBUMARTIST"}


class VorbisWriter:
    """An Ogg file that libsndfile writes."""

    def __init__(self, file: Path | BinaryIO, plan: Plan) -> None:
        self._channels = plan.channels
        self._order = _ORDER.get(plan.channels)
        self._file = soundfile.SoundFile(
            file,
            "w",
            samplerate=plan.sample_rate,
            channels=plan.channels,
            format="OGG",
            subtype="VORBIS",
            compression_level=1 - (plan.quality or 0) / 10,
        )

    def write(self, pcm: Buffer) -> None:
        """Add packed 32-bit float samples, not more than ``WRITE_SAMPLES`` a channel."""
        samples = np.frombuffer(pcm, np.float32).reshape(-1, self._channels)
        self._file.write(samples if self._order is None else samples[:, self._order])

    def close(self) -> None:
        """Write what is left."""
        self._file.close()


class VorbisEncoder:
    """Implements :class:`soundmill.engine.encode.Encoder`."""

    frame_samples = WRITE_SAMPLES

    def __init__(self, path: Path, plan: Plan, about: About) -> None:
        self._path = path
        self._about = about
        self._writer = VorbisWriter(path, plan)

    def encode(self, frame: AudioFrame) -> None:
        """See :class:`~soundmill.engine.encode.Encoder`. The frame is packed 32-bit float."""
        self._writer.write(memoryview(frame.planes[0])[: frame.samples * frame.layout.nb_channels * 4])

    def finish(self) -> None:
        """See :class:`~soundmill.engine.encode.Encoder`."""
        self._writer.close()
        write_comments(self._path, self._about)

    def abandon(self) -> None:
        """See :class:`~soundmill.engine.encode.Encoder`."""
        self._writer.close()


def write_comments(path: Path, about: About) -> None:
    """Put tags, chapters and cover into a finished file."""
    comments = _comments(about)
    if comments:
        written = OggVorbis(path)
        for name, value in comments:
            written[name] = value
        written.save()


def picture_block(cover: Picture) -> str:
    """The value of a ``METADATA_BLOCK_PICTURE`` comment: FLAC's picture block in base64 (xiph.org, VorbisComment)."""
    block = PictureBlock()
    block.type, block.mime, block.data = FRONT_COVER, cover.mime_type, cover.data
    block.width, block.height, block.depth = cover.width, cover.height, 24
    return base64.b64encode(block.write()).decode("ascii")


def chapter_comments(about: About) -> dict[str, str]:
    """Chapters as comments (xiph.org, Chapter Extension). FFmpeg's own are late by a second wherever half of one has passed."""
    comments: dict[str, str] = {}
    for number, chapter in enumerate(about.chapters, 1):
        milliseconds = round(chapter["start"] * chapter["time_base"] * 1000)
        hours, minutes, seconds = milliseconds // 3_600_000, milliseconds // 60_000 % 60, milliseconds % 60_000 / 1000
        comments[f"CHAPTER{number:03}"] = f"{hours:02}:{minutes:02}:{seconds:06.3f}"
        comments[f"CHAPTER{number:03}NAME"] = chapter_title(chapter, number)
    return comments


def _comments(about: About) -> list[tuple[str, str]]:
    comments = [(_COMMENT_NAMES.get(name, _safe_name(name)), value) for name, value in about.tags.items()]
    comments.extend(chapter_comments(about).items())
    if about.cover is not None:
        comments.append(("METADATA_BLOCK_PICTURE", picture_block(about.cover)))
    return [(name, value) for name, value in comments if name]


def _safe_name(name: str) -> str:
    """Comment names are printable ASCII without “=” (Vorbis I, section 5.2.2)."""
    return "".join(each for each in name.upper() if " " <= each <= "}" and each != "=")
