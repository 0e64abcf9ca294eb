"""Text that can be kept."""

from __future__ import annotations


def is_storable(text: str) -> bool:
    """False for what UTF-8 or a database can't hold: NUL, and halves of surrogate pairs."""
    return "\0" not in text and (text.isprintable() or not any("\ud800" <= each <= "\udfff" for each in text))
