"""Sound is known by the checksums of its samples: what went into a lossless encoder must come out of a decoder."""

from __future__ import annotations

from dataclasses import dataclass, field
from zlib import crc32

from av.audio.frame import AudioFrame

from soundmill.engine.planes import planes


@dataclass(slots=True)
class SoundSum:
    """The CRC-32 of each plane of PCM so far: the same however a sound is cut into frames."""

    planes: list[int] = field(default_factory=list)

    def add(self, frame: AudioFrame) -> None:
        """The next one, of the same form."""
        data = list(planes(frame))
        before = self.planes or [0] * len(data)
        self.planes = [crc32(plane, old) for plane, old in zip(data, before, strict=True)]
