"""MPEG-TS: FFmpeg says nothing of packets that a receiver lost; time does. What was put together from several recordings is no damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from soundmill.model.conversion import ConversionError, FailureCode
from tests.engine.conftest import Convert
from tests.sounds import RATE, decoded, encoded, ffmpeg, music

SECONDS = 8
FRAME_SAMPLES = 1024


@pytest.fixture
def broadcast(tmp_path: Path) -> Path:
    # Decoders of AAC's noise make another one each time.
    return encoded(tmp_path, "a.ts", "-c:a", "aac", "-aac_pns", "0", samples=music(SECONDS))


def with_lost_packets(broadcast: Path) -> Path:
    data = bytearray(broadcast.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1000] = bytes(1000)
    damaged = broadcast.with_name("lost.ts")
    damaged.write_bytes(data)
    return damaged


@pytest.mark.parametrize("to", ["m4a", "mp3"])
def test_lost_packets_are_damage(convert: Convert, broadcast: Path, to: str) -> None:
    with pytest.raises(ConversionError, match=r"damaged after 0:0[34]") as refused:
        convert(with_lost_packets(broadcast), to)
    assert refused.value.failure.code is FailureCode.DAMAGED_INPUT


def test_lost_packets_become_silence_where_it_is_asked_for(convert: Convert, broadcast: Path) -> None:
    whole = convert(broadcast, "wav")
    made = convert(with_lost_packets(broadcast), "wav", on_damage="salvage")
    assert made.report.result.sample_count == whole.report.result.sample_count
    first, *_, last = made.report.source.damage  # frames of which a part is there are told before the silence
    assert last.filled
    assert last.lost is not None
    begin, end = round(first.at * RATE), round((last.at + last.lost) * RATE)
    assert FRAME_SAMPLES < end - begin < RATE
    heard, wanted = decoded(made.path), decoded(whole.path)
    # A frame's decoding leans on the one before.
    assert abs(heard[: begin - FRAME_SAMPLES] - wanted[: begin - FRAME_SAMPLES]).max() < 1e-3
    assert abs(heard[end + FRAME_SAMPLES :] - wanted[end + FRAME_SAMPLES :]).max() < 1e-3


def test_pieces_that_follow_a_moment_later_are_no_damage(tmp_path: Path, convert: Convert) -> None:
    """As who sends a stream in files makes them: each begins with its tables, and counts anew."""
    pieces = []
    for number in range(3):
        piece = encoded(tmp_path, f"{number}.ts", "-c:a", "mp2", samples=music(2.0, seed=number))
        # 77 frames are a little longer than the sound in them.
        ffmpeg(
            "-i", piece, "-c", "copy", "-output_ts_offset", str(number * 2.03), moved := tmp_path / f"moved {number}.ts"
        )
        pieces.append(moved.read_bytes())
    source = tmp_path / "all.ts"
    source.write_bytes(b"".join(pieces))
    made = convert(source, "wav")
    assert made.report.source.sample_count == 3 * 77 * 1152


@pytest.mark.parametrize("to", ["m4a", "mp3"])
def test_recordings_one_behind_another_are_no_damage(tmp_path: Path, convert: Convert, to: str) -> None:
    first, again, later = (tmp_path / f"{name}.ts" for name in ("first", "again", "later"))
    encoded(tmp_path, first.name, "-c:a", "aac", samples=music(SECONDS))
    ffmpeg("-i", first, "-c", "copy", "-output_ts_offset", "60", later)
    again.write_bytes(first.read_bytes() + later.read_bytes() + first.read_bytes())
    once, thrice = convert(first, to), convert(again, to)
    assert thrice.report.source.sample_count == 3 * once.report.source.sample_count
    assert thrice.report.not_carried == ()


def test_segments_of_a_live_stream_are_one_sound(tmp_path: Path, convert: Convert, broadcast: Path) -> None:
    segments = tmp_path / "%d.ts"
    ffmpeg("-i", broadcast, "-c", "copy", "-f", "segment", "-segment_format", "mpegts", "-segment_time", "2", segments)
    parts = sorted(tmp_path.glob("[0-9].ts"))
    assert len(parts) >= SECONDS // 2
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    made = convert(joined, "m4a")
    assert made.report.settings["encoder"] == "copy"
    assert made.report.result.sample_count == convert(broadcast, "m4a").report.result.sample_count


@pytest.mark.parametrize("how", ["begin", "all"])
def test_a_single_frame_that_is_lost_is_told(tmp_path: Path, convert: Convert, how: str) -> None:
    """Each has a packet of its own, as in broadcasts: its 32 ms are less than clocks differ by."""
    whole = encoded(
        tmp_path, "a.ts", "-ar", "48000", "-c:a", "ac3", "-pes_payload_size", "1", samples=music(SECONDS)
    ).read_bytes()
    packets = [whole[at : at + 188] for at in range(0, len(whole), 188)]
    of_sound = [number for number, each in enumerate(packets) if each[1] & 0x1F == 1 and each[2] == 0]
    begins = [number for number in of_sound if packets[number][1] & 0x40]
    first, following = begins[len(begins) // 2 :][:2]
    lost = {first} if how == "begin" else set(of_sound) & set(range(first, following))
    source = tmp_path / "lost.ts"
    source.write_bytes(b"".join(each for number, each in enumerate(packets) if number not in lost))
    with pytest.raises(ConversionError, match=r"damaged after 0:0[34]"):
        convert(source, "wav")
    made = convert(source, "wav", on_damage="salvage")
    (hole,) = made.report.source.damage
    assert hole.lost == pytest.approx(0.032, abs=0.001)
    assert made.report.source.duration == pytest.approx(SECONDS, abs=0.05)
