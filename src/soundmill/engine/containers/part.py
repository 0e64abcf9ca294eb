"""The part of a file that holds the sound and what belongs to it: tags that people put around any kind of file are no part of that.

FFmpeg skips them before some kinds and behind others; else it calls the file broken, or takes them for sound.
"""

from __future__ import annotations

import io
import os
from collections.abc import Buffer, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from soundmill.engine.containers.continuity import end_of_packets
from soundmill.engine.containers.data_size import au_end
from soundmill.engine.containers.sniff import ID3_HEADER_BYTES, MATROSKA, id3_bytes, sound_start

# These may begin with anything, and FFmpeg looks for them behind it.
_BEGIN_ANYWHERE = frozenset({"mp3", "aac", "ogg"})
APE_KINDS = frozenset({"wv", "ape", "mpc", "mpc8", "tta", "tak"})
"""Those that end with APEv2, which FFmpeg reads."""
BARE_KINDS = frozenset({"ac3", "eac3", "dts", "loas", "mlp", "truehd"})
"""Those that are frames and nothing else, often cut out of longer streams."""
ID3_KINDS = frozenset({"mp3", "aac"})
"""Those that have ID3v2 for tags of their own."""
TAGGED_BEHIND = ID3_KINDS | BARE_KINDS | {"flac"}
"""Those behind which FFmpeg overlooks APEv2 and ID3v1, or heeds them little."""
_ENDLESS = APE_KINDS | BARE_KINDS | {MATROSKA, "mpegts"}
"""Kinds that don't say where they end, or needn't."""

_APE_FOOTER_BYTES, _APE_HAS_HEADER = 32, 1 << 31
_LYRICS_SIZE_DIGITS, _LONGEST_LYRICS_1 = 6, 5100 + 20
_MOST_TAGS = 4
ID3V1_BYTES, ID3V1_MARK = 128, b"TAG"
"""id3.org, ID3v1: the last of all."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a file: from the byte ``begin`` to that before ``end``; 0 for the file's end."""

    begin: int
    end: int


WHOLE = Section(0, 0)


class Part(io.FileIO):
    """A section of a file as if it were a file by itself."""

    def __init__(self, path: Path, section: Section) -> None:
        """Open it for reading."""
        super().__init__(path)
        length = super().seek(0, os.SEEK_END)
        self._begin, self._end = section.begin, min(section.end, length) if section.end else length
        super().seek(self._begin)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """As of any file; nothing lies before the begin."""
        base = {os.SEEK_SET: self._begin, os.SEEK_CUR: super().tell(), os.SEEK_END: self._end}[whence]
        if base + offset < self._begin:
            raise OSError("there is nothing before the begin")
        return super().seek(base + offset) - self._begin

    def tell(self) -> int:
        """From the section's begin."""
        return super().tell() - self._begin

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any file."""
        left = max(0, self._end - super().tell())
        return super().read(left if size is None or size < 0 else min(size, left)) or b""

    def readall(self) -> bytes:
        """As of any file."""
        return self.read()

    def readinto(self, buffer: Buffer, /) -> int:
        """As of any file."""
        there = memoryview(buffer).cast("B")
        data = self.read(len(there))
        there[: len(data)] = data
        return len(data)


class Changed(Part):
    """The same, with other bytes in some places."""

    def __init__(self, path: Path, section: Section, changes: Mapping[int, bytes]) -> None:
        """Open it for reading. Each of the ``changes`` stands behind so many bytes of the section."""
        super().__init__(path, section)
        self._changes = changes

    def read(self, size: int | None = -1, /) -> bytes:
        """As the file has it, but for those bytes."""
        begin = self.tell()
        data = super().read(size)
        for at, other in self._changes.items():
            data = _with(data, at - begin, other)
        return data


def _with(data: bytes, at: int, other: bytes) -> bytes:
    """``data`` with ``other`` at ``at``, as much of it as falls into it."""
    if at + len(other) <= 0 or at >= len(data):
        return data
    changed = bytearray(data)
    for place, byte in enumerate(other, at):
        if 0 <= place < len(changed):
            changed[place] = byte
    return bytes(changed)


def open_part(path: Path, section: Section) -> BinaryIO:
    """The ``section`` of a file for reading."""
    return path.open("rb") if section == WHOLE else io.BufferedReader(Part(path, section))


def rewound(file: BinaryIO) -> BinaryIO:
    """The same, at its begin."""
    file.seek(0)
    return file


def sound_section(file: BinaryIO, kind: str) -> Section:
    """Which part of ``file`` FFmpeg must be given; ``kind`` is what :func:`soundmill.engine.containers.sniff.sniff` calls it."""
    if kind in _BEGIN_ANYWHERE:
        return WHOLE
    begin, length = sound_start(file), file.seek(0, os.SEEK_END)
    if kind == "au":
        file.seek(begin)
        told = au_end(file)
        return Section(begin, told if told is not None and told < length else 0)
    end = _end_before_tags(file, length, is_ape_read=kind in APE_KINDS) if kind in _ENDLESS else length
    if kind == "mpegts":
        end = end_of_packets(file, end)
    return Section(begin, end if begin < end < length else 0)


def is_end(file: BinaryIO, at: int, kind: str) -> bool:
    """True where nothing follows the byte ``at`` of ``file``, or a tag that FFmpeg reads of a file of that ``kind``."""
    length = file.seek(0, os.SEEK_END)
    return at >= length or (kind in APE_KINDS and _ape_bytes(file, length) > 0)


def _end_before_tags(file: BinaryIO, end: int, *, is_ape_read: bool) -> int:
    """In any order, as programs of many years appended them; FFmpeg finds APEv2 where it is the last."""
    for _ in range(_MOST_TAGS):
        size = _id3v1_bytes(file, end) or _lyrics_bytes(file, end) or _footed_id3v2_bytes(file, end)
        size = size or (0 if is_ape_read else _ape_bytes(file, end))
        if not size or size > end:
            break
        end -= size
    return end


def _last(file: BinaryIO, end: int, size: int) -> bytes:
    """The last ``size`` bytes before ``end``, fewer where there are no more."""
    begin = max(0, end - size)
    file.seek(begin)
    return file.read(end - begin)


def _id3v1_bytes(file: BinaryIO, end: int) -> int:
    return ID3V1_BYTES if _last(file, end, ID3V1_BYTES).startswith(ID3V1_MARK) else 0


def _lyrics_bytes(file: BinaryIO, end: int) -> int:
    """Lyrics3 (id3.org/Lyrics3, id3.org/Lyrics3v2)."""
    foot = _last(file, end, _LYRICS_SIZE_DIGITS + 9)
    if foot.endswith(b"LYRICS200") and foot[:_LYRICS_SIZE_DIGITS].isdigit():
        return int(foot[:_LYRICS_SIZE_DIGITS]) + len(foot)
    if foot.endswith(b"LYRICSEND"):
        text = _last(file, end, _LONGEST_LYRICS_1)
        return len(text) - at if (at := text.find(b"LYRICSBEGIN")) >= 0 else 0
    return 0


def _ape_bytes(file: BinaryIO, end: int) -> int:
    """wiki.hydrogenaud.io, APE Tags Header."""
    foot = _last(file, end, _APE_FOOTER_BYTES)
    if not foot.startswith(b"APETAGEX"):
        return 0
    size, flags = (int.from_bytes(foot[at : at + 4], "little") for at in (12, 20))
    return size + (_APE_FOOTER_BYTES if flags & _APE_HAS_HEADER else 0)


def _footed_id3v2_bytes(file: BinaryIO, end: int) -> int:
    """ID3v2.4, section 3.4: a footer is a copy of the header, but for its first letters."""
    foot = _last(file, end, ID3_HEADER_BYTES)
    return id3_bytes(b"ID3" + foot[3:]) if foot.startswith(b"3DI") else 0
