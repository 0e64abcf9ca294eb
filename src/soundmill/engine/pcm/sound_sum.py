"""Sound is known by the checksums of its samples: what went into a lossless encoder must come out of a decoder."""

from __future__ import annotations

from dataclasses import dataclass, field

from av.audio.frame import AudioFrame
from zlib_ng.zlib_ng import crc32

from soundmill.engine.pcm.planes import buffers, planes


@dataclass(slots=True)
class SoundSum:
    """The CRC-32 of each plane of PCM so far: the same however a sound is cut into frames."""

    planes: list[int] = field(default_factory=list)

    def add(self, frame: AudioFrame) -> None:
        """The next one, of the same form."""
        if not self.planes:
            self.planes = [0] * len(buffers(frame))
        for number, plane in enumerate(planes(frame)):
            self.planes[number] = crc32(plane, self.planes[number])
