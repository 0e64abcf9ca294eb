"""What our users would type instead: ``ffmpeg``, a process a core, on the same file in the same run. It verifies nothing."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from soundmill.engine import cores


def seconds_of_ffmpeg(sound: Path, files: int) -> float:
    """How long it takes to make ``files`` MP3s of 192 kbit/s."""
    directory = sound.parent / "by ffmpeg"
    directory.mkdir()
    numbers = "\n".join(map(str, range(files)))
    command = ["xargs", "-P", str(cores()), "-I{}", "ffmpeg", "-v", "error", "-nostdin", "-i", str(sound)]
    began = time.monotonic()
    subprocess.run([*command, "-b:a", "192k", str(directory / "{}.mp3")], input=numbers, text=True, check=True)
    taken = time.monotonic() - began
    shutil.rmtree(directory)
    return taken
