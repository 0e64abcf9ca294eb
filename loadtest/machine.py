"""On what it was measured."""

from __future__ import annotations

import platform
from pathlib import Path

import av

from soundmill import __version__
from soundmill.engine import cores


def machine() -> str:
    """Processor, cores, system and versions, in a sentence."""
    ffmpeg = ".".join(map(str, av.library_versions["libavcodec"]))
    return (
        f"{cores()} cores ({_processor()}), {platform.system()} {platform.release()}, soundmill {__version__}, "
        f"Python {platform.python_version()}, libavcodec {ffmpeg}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
