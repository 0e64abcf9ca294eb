"""Opus that nobody listens to is counted: never otherwise than decoding it would."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.engine.codecs.opus import packet_samples
from soundmill.engine.reading.counting import can_be_counted
from soundmill.engine.reading.decode import Decoding
from soundmill.engine.reading.source import open_source
from soundmill.model.conversion import ConversionError, FailureCode
from tests.engine.conftest import Convert
from tests.sounds import encoded, music

SOUND = music(3.21)
CELT, SILK_60_MS = 31 << 3, 11 << 3  # 20 ms and 60 ms in one frame


def told(path: Path, *, counts: bool) -> tuple[int, int, int, str]:
    """What is known of a source that was gone through."""
    with open_source(path) as source:
        assert can_be_counted(source)
        decoding = Decoding(source, timedelta(hours=1), counts=counts)
        for _ in decoding.frames():
            pass
        return decoding.sample_count, decoding.sample_rate, decoding.channels, decoding.channel_layout


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("a.opus", ["-b:a", "128k"]),
        ("a.webm", ["-b:a", "128k"]),
        ("a.mka", ["-b:a", "24k", "-frame_duration", "40"]),
        ("a.opus", ["-b:a", "16k", "-ac", "1", "-application", "voip"]),
        ("a.opus", ["-b:a", "12k", "-frame_duration", "60"]),
        ("a.opus", ["-frame_duration", "2.5"]),
        ("a.opus", ["-frame_duration", "120", "-vbr", "off"]),
    ],
)
def test_counting_tells_what_decoding_does(tmp_path: Path, name: str, arguments: list[str]) -> None:
    path = encoded(tmp_path, name, "-c:a", "libopus", *arguments, samples=SOUND, rate=48_000)
    assert told(path, counts=True) == told(path, counts=False)


def test_a_surround_sound_is_decoded(tmp_path: Path) -> None:
    path = encoded(tmp_path, "a.opus", "-c:a", "libopus", "-ac", "6", samples=SOUND, rate=48_000)
    with open_source(path) as source:
        assert not can_be_counted(source)


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (bytes([CELT]) + bytes(1275), 960),
        (bytes([CELT]), 960),
        (bytes([CELT | 1]) + bytes(100), 1920),
        (bytes([CELT | 2, 3]) + bytes(3 + 50), 1920),
        (bytes([CELT | 2, 252, 1]) + bytes(256 + 50), 1920),
        (bytes([CELT | 3, 3]) + bytes(30), 2880),
        (bytes([CELT | 3, 0x80 | 3, 10, 5]) + bytes(10 + 5 + 7), 2880),
        (bytes([CELT | 3, 0x40 | 2, 255, 6]) + bytes(20 + 254 + 6), 1920),
        (bytes([SILK_60_MS | 3, 2]) + bytes(20), 5760),
    ],
)
def test_a_packet_tells_its_length(packet: bytes, samples: int) -> None:
    assert packet_samples(packet) == samples


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"", "it is empty"),
        (bytes([CELT]) + bytes(1276), "its frame is too long"),
        (bytes([CELT | 1]) + bytes(101), "two equal frames can't have an odd length"),
        (bytes([CELT | 2]), "the first frame's length is missing"),
        (bytes([CELT | 2, 252]), "a half of the first frame's length is missing"),
        (bytes([CELT | 2, 30]) + bytes(29), "the first frame is cut off"),
        (bytes([CELT | 3]), "the count of frames is missing"),
        (bytes([CELT | 3, 0]), "it has no frame"),
        (bytes([CELT | 3, 7]) + bytes(140), "seven frames are 140 ms"),
        (bytes([CELT | 3, 3]) + bytes(31), "three equal frames can't have this length"),
        (bytes([CELT | 3, 0x80 | 2, 20]) + bytes(19), "a frame is cut off"),
        (bytes([CELT | 3, 0x40 | 1, 30]) + bytes(20), "the padding is longer than the packet"),
        (bytes([CELT | 3, 0x40 | 1, 255]), "the padding's length is cut off"),
    ],
)
def test_what_breaks_a_rule_is_no_packet(packet: bytes, why: str) -> None:
    assert packet_samples(packet) == 0, why


@given(st.binary(min_size=1, max_size=40))
def test_what_a_decoder_refuses_is_no_packet(data: bytes) -> None:
    decoder = av.CodecContext.create("opus", "r")
    decoder.sample_rate, decoder.layout = 48_000, "stereo"
    try:
        frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except av.InvalidDataError:
        assert packet_samples(data) == 0
    else:
        assert packet_samples(data) in (0, sum(each.samples for each in frames))


def test_what_is_no_packet_is_damage(tmp_path: Path, convert: Convert) -> None:
    whole = encoded(tmp_path, "whole.opus", "-c:a", "libopus", samples=SOUND, rate=48_000)
    damaged = tmp_path / "damaged.opus"
    with av.open(whole) as read, av.open(damaged, "w") as written:
        sound = written.add_stream_from_template(read.streams.audio[0])
        for number, packet in enumerate(read.demux(read.streams.audio[0])):
            if packet.size:
                changed = av.Packet(bytes([CELT | 3, 0]) if number == 80 else bytes(packet))
                changed.pts, changed.dts, changed.duration = packet.pts, packet.dts, packet.duration
                changed.time_base, changed.stream = packet.time_base, sound
                written.mux(changed)
    with pytest.raises(ConversionError) as failed:
        convert(damaged, "webm")
    assert failed.value.failure.code is FailureCode.DAMAGED_INPUT
