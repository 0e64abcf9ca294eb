"""What a WAV file says in chunks that FFmpeg reads wrongly: of a comment and a description, and of texts by two names, it takes the later one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from soundmill.engine.containers.wave import chunks
from soundmill.engine.tags.values import BETWEEN
from soundmill.engine.text import readable

_LONGEST_INFO = 1 << 20
_DESCRIPTION_BYTES = 256  # EBU Tech 3285, section 2.3
# What people or programs said of the recording; others are about the file.
_UNREAD = {
    b"iXML": "iXML",
    b"axml": "axml",
    b"_PMX": "XMP",
    b"cart": "cart",
    b"smpl": "loops of a sampler (smpl)",
    b"acid": "loops (acid)",
}
# Texts of RIFF's INFO by our names: as FFmpeg has them, of which some programs write both numbers of a track.
_COMMENT, _LONGEST_LIST = "ICMT", 100
_INFO = {
    "INAM": "title",
    "IART": "artist",
    "IPRD": "album",
    "IGNR": "genre",
    "ICRD": "date",
    "ICOP": "copyright",
    "IPRT": "track",
    "ITRK": "track",
    _COMMENT: "comment",
}


@dataclass(frozen=True, slots=True)
class WaveTexts:
    """``info`` is what RIFF's INFO says, and in which chunks, ``description`` that of Broadcast Wave, ``unread`` what is carried nowhere, named for people."""

    info: tuple[tuple[str, str], ...] = ()
    description: str = ""
    unread: tuple[str, ...] = ()

    @property
    def comment(self) -> str:
        """That of RIFF's INFO."""
        return next((text for name, text in self.info if name == _COMMENT), "")

    def unsaid(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """What of it is another text than what is said by ``tags``, or the begin of that; named for people."""
        return tuple(
            f"tag: {_INFO[name]} ({name})"
            for name, text in self.info
            if (said := tags.get(_INFO[name])) is not None and not _is_said(_INFO[name], text, said)
        )


def read_wave_texts(file: BinaryIO, kind: str) -> WaveTexts:
    """Nothing where a file of this ``kind`` has no such chunks."""
    if kind != "wav":
        return WaveTexts()
    info: list[tuple[str, str]] = []
    description = ""
    unread: dict[str, None] = {}
    for name, size in chunks(file):
        if name == b"LIST" and file.read(4) == b"INFO":
            info += _texts_in(file.read(max(0, min(size - 4, _LONGEST_INFO))))
        elif name == b"bext":
            description = _text(file.read(min(size, _DESCRIPTION_BYTES)))
        elif name in _UNREAD and size:
            unread[f"tag: {_UNREAD[name]}"] = None
    return WaveTexts(tuple(info[:_LONGEST_LIST]), description, tuple(unread))


def _texts_in(info: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at + 8 <= len(info):
        size = int.from_bytes(info[at + 4 : at + 8], "little")
        name = info[at : at + 4].decode("latin-1")
        if name in _INFO and (text := _text(info[at + 8 : at + 8 + size])):
            yield name, text
        at += 8 + size + size % 2


def _is_said(name: str, text: str, said: str) -> bool:
    """Also where it is shorter, one of several, or has other marks between its words; of numbers where they have zeros before them, or tell no total."""
    if name == "track":
        there, asked = ([each.strip().lstrip("0") for each in numbers.split("/")] for numbers in (said, text))
        return there[: len(asked)] == asked
    return _letters(said).startswith(_letters(text)) or text in said.split(BETWEEN)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)) or text


def _text(data: bytes) -> str:
    return readable(data.partition(b"\0")[0].decode("utf-8", "surrogateescape")).strip()
