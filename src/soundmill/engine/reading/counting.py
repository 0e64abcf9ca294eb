"""Opus is counted instead of decoded where nobody listens: its packets tell their length, and a decoder finds nothing more wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.packet import Packet

from soundmill.engine.codecs import opus
from soundmill.engine.codecs.packets import samples_cut_off, samples_not_begun, skip_samples
from soundmill.engine.containers.sniff import MATROSKA
from soundmill.engine.reading.source import Source

# Their structure is examined when they are opened, and in Ogg a checksum of each page.
_EXAMINED = frozenset({"ogg", MATROSKA})


def can_be_counted(source: Source) -> bool:
    """True where the container was found whole, and a packet tells its length by itself."""
    context = source.stream.codec_context
    is_whole = source.kind in _EXAMINED and source.damage is None and not source.is_chained
    return is_whole and context.name in ("opus", "libopus") and opus.holds_one_stream(context.extradata or b"")


class Counting:
    """In place of a decoder: gives frames of the length that a packet decodes to, with nothing in them."""

    def __init__(self, layout: str) -> None:
        """``layout`` is FFmpeg's name of the channels'."""
        self._layout = layout
        self._left_to_skip = 0
        self._frames: dict[int, AudioFrame] = {}

    def decode(self, packet: Packet[Any]) -> Sequence[AudioFrame]:
        """Raises ``av.InvalidDataError`` for what is no packet."""
        data = memoryview(packet)
        if not data:
            return ()
        samples = opus.packet_samples(data)
        if not samples:
            raise av.InvalidDataError(0, "no Opus packet")
        skip = skip_samples(packet)
        if skip or self._left_to_skip:
            self._left_to_skip += samples_not_begun(skip)
            skipped = min(self._left_to_skip, samples)
            self._left_to_skip -= skipped
            samples -= min(skipped + samples_cut_off(skip), samples)
        return (self._frame(samples),) if samples else ()

    def _frame(self, samples: int) -> AudioFrame:
        made = self._frames.get(samples)
        if made is None:
            made = AudioFrame(format="fltp", layout=self._layout, samples=samples)
            made.sample_rate = opus.RATE
            self._frames[samples] = made
        return made
