"""How times and counts are said to people."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """``1:23`` or ``2:01:05``."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
