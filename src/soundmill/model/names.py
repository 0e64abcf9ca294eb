"""File names that people gave: cleaned for showing and storing as text, never used as paths."""

from __future__ import annotations

import unicodedata

LONGEST_NAME_BYTES = 200
"""In UTF-8. File systems take 255; the rest is room for `` (12)`` and a new extension."""

_FALLBACK = "audio"


def clean_file_name(given: str) -> str:
    """A harmless name that still looks like ``given``: NFC, no directories, no control or bidirectional marks, not too long.

    >>> clean_file_name("../../etc/passwd")
    'passwd'
    """
    base = given.replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(_visible(character) for character in unicodedata.normalize("NFC", base))
    stem, extension = split_extension(" ".join(visible.split()))
    stem = stem.strip(" .")
    extension = extension[:20]
    room = LONGEST_NAME_BYTES - len(extension.encode())
    return (_cut(stem, room).rstrip(" .") or _FALLBACK) + extension


def split_extension(name: str) -> tuple[str, str]:
    """``("song", ".mp3")``; a name that only starts with a dot has no extension."""
    stem, dot, extension = name.rpartition(".")
    if not stem or not extension or " " in extension:
        return name, ""
    return stem, dot + extension


def named_format(name: str) -> str:
    """``"mp3"`` for ``Song.MP3``; ``""`` without an extension."""
    return split_extension(name)[1].removeprefix(".").lower()


def with_extension(name: str, extension: str) -> str:
    """``name`` with its extension replaced by ``extension`` (no dot)."""
    return f"{split_extension(name)[0]}.{extension}"


def joined(name: str) -> str:
    """``song (joined).mp3`` for ``song.mp3``, the first of several joined sources."""
    stem, extension = split_extension(name)
    return f"{stem} (joined){extension}"


def numbered(name: str, number: int) -> str:
    """``song (2).mp3`` for ``song.mp3`` and 2."""
    stem, extension = split_extension(name)
    return f"{stem} ({number}){extension}"


def _visible(character: str) -> str:
    # Cc, Cf, Cs, Co, Cn: controls, format and bidirectional marks, surrogates, private and unassigned. The zero-width joiner stays:
    # emoji and several scripts are spelt with it.
    if character == "\u200d" or not unicodedata.category(character).startswith("C"):
        return " " if unicodedata.category(character) in ("Zl", "Zp") else character
    return " " if character in "\t\n\r" else ""


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore")
