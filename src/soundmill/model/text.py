"""Text: as it comes, and what of it can be kept."""

from __future__ import annotations

import codecs

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def text_of(data: bytes) -> str:
    """What somebody wrote who doesn't say how: UTF-16 with its mark, UTF-8 with or without, else Windows' code page."""
    if data.startswith(_WIDE):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def is_storable(text: str) -> bool:
    """False for what UTF-8 or a database can't hold: NUL, and halves of surrogate pairs."""
    return "\0" not in text and (text.isprintable() or not any("\ud800" <= each <= "\udfff" for each in text))
