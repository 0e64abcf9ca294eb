"""Gaps between packets of ASF, by what decoders give of them and when; nothing here encodes WMA Lossless."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from soundmill.engine.reading.judge import Heard
from soundmill.engine.reading.timeline import Timeline

_PACKET_MS = 1950


def gaps(decoder: str, numbers: list[int], packets_late: int) -> list[int]:
    """The numbers of those packets before which one seems to be missing, of a decoder that gives each so many packets later."""
    source: Any = SimpleNamespace(
        kind="asf",
        stream=SimpleNamespace(time_base=Fraction(1, 1000), codec_context=SimpleNamespace(name=decoder)),
    )
    heard = Heard()
    timeline = Timeline(source, heard)
    found = []
    for place, number in enumerate(numbers):
        packet: Any = SimpleNamespace(pts=number * _PACKET_MS)
        if timeline.has_asf_gap_before(packet):
            found.append(number)
        heard.seconds += _PACKET_MS / 1000 * (place >= packets_late)
    return found


@pytest.mark.parametrize(("decoder", "packets_late"), [("wmav2", 0), ("wmapro", 0), ("wmalossless", 1)])
def test_a_missing_packet_is_a_gap_and_a_late_decoder_none(decoder: str, packets_late: int) -> None:
    assert gaps(decoder, list(range(10)), packets_late) == []
    assert gaps(decoder, [0, 1, 2, 5, 6, 7], packets_late)[0] == 5 + packets_late
