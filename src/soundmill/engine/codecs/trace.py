"""What is left of packets that came by: the same for the same packets, and as much for many as for few."""

from __future__ import annotations

import sys
from collections.abc import Buffer
from dataclasses import dataclass

from zlib_ng.zlib_ng import crc32


@dataclass(slots=True)
class Trace:
    """How many there were, and the CRC-32 of all their bytes and of all their sizes: both together tell where each began."""

    count: int = 0
    data: int = 0
    sizes: int = 0

    def add(self, data: memoryview) -> None:
        """The next packet's bytes."""
        self.data = crc32(data, self.data)
        self.sizes = crc32(data.nbytes.to_bytes(4, sys.byteorder), self.sizes)
        self.count += 1

    def add_all(self, data: Buffer, sizes: memoryview) -> None:
        """The bytes of packets in a row, and the size of each as a native integer of 32 bits."""
        self.data = crc32(data, self.data)
        self.sizes = crc32(sizes, self.sizes)
        self.count += len(sizes)
