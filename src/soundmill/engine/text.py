"""How times and counts are said to people, and how what people wrote is read."""

from __future__ import annotations

import codecs

# Looked up now: a confined process can't read the modules in which codecs live. Taggers use the others.
_WINDOWS, *_ = [codecs.lookup(name) for name in ("cp1252", "utf-16-le", "utf-16-be")]


def clock(seconds: float) -> str:
    """``1:23`` or ``2:01:05``."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def exact_clock(seconds: float) -> str:
    """``1:23.456`` or ``2:01:05.789``: where whole seconds could hide the difference."""
    milliseconds = int(seconds * 1000)
    return f"{clock(milliseconds // 1000)}.{milliseconds % 1000:03}"


def readable(text: str) -> str:
    """``text`` of a file as PyAV gives it, where bytes that aren't UTF-8 became half characters: such files are in Windows' code page."""
    if text.isascii() or not any("\udc80" <= each <= "\udcff" for each in text):
        return text
    data = text.encode("utf-8", "surrogateescape")
    try:
        return _WINDOWS.decode(data)[0]
    except UnicodeDecodeError:
        return data.decode("latin-1")
