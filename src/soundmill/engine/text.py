"""How times and counts are said to people."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """``1:23`` or ``2:01:05``."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def exact_clock(seconds: float) -> str:
    """``1:23.456`` or ``2:01:05.789``: where whole seconds could hide the difference."""
    milliseconds = int(seconds * 1000)
    return f"{clock(milliseconds // 1000)}.{milliseconds % 1000:03}"
