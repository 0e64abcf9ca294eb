"""What a file holds, told by programs that are not ours: ffmpeg and ffprobe, mutagen, ``flac --test``."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
from mutagen.flac import Picture as FlacPicture
from mutagen.id3 import ID3

from tests.sounds import Samples, ffmpeg

_SAME = {
    "year": "date",
    "tracknumber": "track",
    "albumartist": "album_artist",
    "wm/year": "date",
    "wm/lyrics": "lyrics",
}
_NAMES = frozenset(
    {"title", "artist", "album", "album_artist", "track", "date", "genre", "comment", "composer", "lyrics"}
)
_FRAMES = {"COMM": "comment", "USLT": "lyrics", "TCOM": "composer", "TPE2": "album_artist"}


@dataclass(frozen=True)
class Judged:
    """``sound`` is what ffmpeg decodes, at its own rate and channels; the cover is the first of ``pictures``."""

    codec: str
    rate: int
    channels: int
    sound: Samples
    tags: dict[str, str]
    pictures: tuple[bytes, ...]
    chapters: tuple[tuple[int, str], ...]


def judge(path: Path) -> Judged:
    """Read ``path``. Raises ``CalledProcessError`` or ``AssertionError`` where a judge complains."""
    if path.suffix == ".flac":
        subprocess.run(["flac", "--test", "--silent", "--warnings-as-errors", path], check=True, capture_output=True)
    command: list[str | Path] = [
        "ffprobe",
        "-v",
        "error",
        "-of",
        "json",
        "-show_streams",
        "-show_format",
        "-show_chapters",
    ]
    shown = json.loads(subprocess.run([*command, path], capture_output=True, check=True).stdout)
    stream = next(each for each in shown["streams"] if each["codec_type"] == "audio")
    rate, channels = int(stream["sample_rate"]), int(stream["channels"])
    sound = _decoded(path, channels)
    if path.suffix in (".m4a", ".ogg"):
        # Old ffmpegs decode the padding of the last frame, which the edit list takes away (ISO/IEC 14496-12, 8.6.6),
        # and of Vorbis all of a page that is the first and the last, though its granule ends it (Vorbis I, appendix A.2).
        sound = sound[: round(float(stream["duration"]) * rate)]
    return Judged(
        codec=stream["codec_name"],
        rate=rate,
        channels=channels,
        sound=sound,
        tags=_tags(path, {**shown["format"].get("tags", {}), **stream.get("tags", {})}),
        pictures=tuple(_pictures(path, shown["streams"])),
        chapters=tuple(
            (round(float(each["start_time"]) * 1000), each.get("tags", {}).get("title", ""))
            for each in shown["chapters"]
        ),
    )


def heard_at(path: Path, rate: int, channels: int) -> Samples:
    """The sound resampled and mixed by ffmpeg."""
    return _decoded(path, channels, "-ac", str(channels), "-ar", str(rate))


def _decoded(path: Path, channels: int, *form: str) -> Samples:
    command: list[str | Path] = ["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-map", "0:a:0", *form]
    ran = subprocess.run([*command, "-f", "f64le", "-"], capture_output=True, check=True)
    assert ran.stderr == b"", ran.stderr.decode()
    return np.frombuffer(ran.stdout, np.float64).reshape(-1, channels)


def _tags(path: Path, shown: dict[str, str]) -> dict[str, str]:
    found = {_SAME.get(name.lower(), name.lower()): text for name, text in shown.items()}
    for name, text in _by_mutagen(path):
        found[_SAME.get(name, name)] = text
    return {name.partition("-")[0]: text for name, text in found.items() if name.partition("-")[0] in _NAMES}


def _by_mutagen(path: Path) -> Iterator[tuple[str, str]]:
    """What players read of ID3's comments and lyrics, and ffprobe may not show."""
    for identity, frame in _frames(path).items():
        if (name := _FRAMES.get(identity[:4])) is not None:
            text = getattr(frame, "text", "")
            yield name, text if isinstance(text, str) else ";".join(map(str, text))


def _frames(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        if file.read(3) == b"ID3":
            return dict(ID3(path))
    song = mutagen.File(path)
    tags = getattr(song, "tags", None)
    return dict(tags) if isinstance(tags, ID3) else {}


def _pictures(path: Path, streams: list[dict[str, Any]]) -> Iterator[bytes]:
    if path.suffix in (".mka", ".webm"):
        # Matroska's attached pictures are films of one picture to ffprobe.
        films = [each for each in streams if each["codec_type"] == "video"]
        for number in range(len(films)):
            yield ffmpeg("-i", path, "-map", f"0:v:{number}", "-c", "copy", "-f", "image2pipe", "-")
    elif frames := _frames(path):
        yield from (bytes(frame.data) for identity, frame in frames.items() if identity.startswith("APIC"))
    elif (song := mutagen.File(path)) is not None:
        yield from (bytes(each.data) for each in getattr(song, "pictures", ()))
        for name, read in (("covr", bytes), ("WM/Picture", _of_asf), ("metadata_block_picture", _of_vorbis)):
            yield from (bytes(read(each)) for each in (song.tags or {}).get(name, ()))


def _of_asf(attribute: Any) -> bytes:
    data = bytes(attribute.value)
    return data[-int.from_bytes(data[1:5], "little") :]


def _of_vorbis(text: str) -> bytes:
    return bytes(FlacPicture(base64.b64decode(text)).data)
