"""What encodes here. FFmpeg and its relatives are loaded to be asked, and only then: no worker itself needs them."""

from __future__ import annotations

import platform

from soundmill import __version__


def versions() -> dict[str, str]:
    """Of everything that has a part in a result."""
    import av
    import soundfile

    return {
        "soundmill": __version__,
        "ffmpeg": av.ffmpeg_version_info,
        "libsndfile": soundfile.__libsndfile_version__,
    }


def build() -> str:
    """These, and what else decides about bits: PyAV's wheels bring their own encoders, whose arithmetic is the processor's, too."""
    import av

    named = {**versions(), "pyav": av.__version__}
    return ", ".join([*(f"{name} {version}" for name, version in named.items()), platform.machine()])
