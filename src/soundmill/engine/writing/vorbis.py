"""Ogg Vorbis by libsndfile, which carries libvorbis; the comments by mutagen afterwards."""

from __future__ import annotations

from collections.abc import Buffer
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from av.audio.frame import AudioFrame

from soundmill.engine.containers.ogg import is_ended
from soundmill.engine.plan import Plan
from soundmill.engine.tags.about import About
from soundmill.engine.tags.vorbis_comments import write_comments

SYSTEM_ERROR = 2
"""SF_ERR_SYSTEM of sndfile.h."""

# libvorbis gets all of a write at once on its stack: large ones overflow it.
WRITE_SAMPLES = 4096

# The order of channels in Vorbis (Vorbis I, section 4.3.9) by FFmpeg's, which is WAVE's.
_ORDER = {
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 4, 5, 3),
    7: (0, 2, 1, 5, 6, 4, 3),
    8: (0, 2, 1, 6, 7, 4, 5, 3),
}


class VorbisWriter:
    """An Ogg file that libsndfile writes."""

    def __init__(self, file: Path | BinaryIO, plan: Plan) -> None:
        self._channels = plan.channels
        self._order = _ORDER.get(plan.channels)
        self._file = soundfile.SoundFile(
            file,
            "w",
            samplerate=plan.sample_rate,
            channels=plan.channels,
            format="OGG",
            subtype="VORBIS",
            compression_level=1 - (plan.quality or 0) / 10,
        )

    def write(self, pcm: Buffer) -> None:
        """Add packed 32-bit float samples, not more than ``WRITE_SAMPLES`` a channel."""
        samples = np.frombuffer(pcm, np.float32).reshape(-1, self._channels)
        self._file.write(samples if self._order is None else samples[:, self._order])

    def close(self) -> None:
        """Write what is left."""
        self._file.close()


class VorbisEncoder:
    """Implements :class:`soundmill.engine.writing.encode.Encoder`."""

    frame_samples = WRITE_SAMPLES
    listener = sum = None

    def __init__(self, path: Path, plan: Plan, about: About) -> None:
        self._path = path
        self._about = about
        self._writer = VorbisWriter(path, plan)

    def encode(self, frame: AudioFrame) -> None:
        """See :class:`~soundmill.engine.writing.encode.Encoder`. The frame is packed 32-bit float."""
        self._writer.write(memoryview(frame.planes[0])[: frame.samples * frame.layout.nb_channels * 4])

    def finish(self) -> None:
        """See :class:`~soundmill.engine.writing.encode.Encoder`."""
        self._writer.close()
        with self._path.open("rb") as written:
            if not is_ended(written):
                # What is left is written at the close, and that it found no room is what libsndfile keeps to itself.
                raise soundfile.LibsndfileError(SYSTEM_ERROR)
        write_comments(self._path, self._about)

    def abandon(self) -> None:
        """See :class:`~soundmill.engine.writing.encode.Encoder`."""
        self._writer.close()
