"""A sound that was encoded in pieces is as one that was encoded at once: to the byte, to the sample, or to the ear."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from soundmill.engine import Job, Limits, Mill
from soundmill.engine.codecs.aac import windows
from soundmill.engine.codecs.flac import coded_number
from soundmill.engine.codecs.packets import CodedPacket, Packets, Packing
from soundmill.engine.parallel.seams import (
    Cut,
    Misaligned,
    Run,
    Unstitchable,
    join_aac,
    join_anywhere,
    join_layer_three,
    join_opus,
    join_vorbis,
)
from soundmill.engine.parallel.split import can_be_split, is_worth_a_crew
from soundmill.engine.plan import Sound, make_plan
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.processes import below, kill
from tests.seams.measure import ENCODERS, Coding, Pair, encode
from tests.seams.sounds import SOUNDS
from tests.sounds import encoded, ffmpeg, music, write

type Both = Callable[..., Pair]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int, int, str], Path]:
    directory = tmp_path_factory.mktemp("long")

    @cache
    def make(kind: str, rate: int, channels: int, subtype: str) -> Path:
        path = directory / f"{kind} {rate} {channels} {subtype}.wav"
        return write(path, SOUNDS[kind](rate, channels), rate, subtype)

    return make


@pytest.fixture
def both(mill: Mill, tmp_path: Path, source: Callable[[str, int, int, str], Path]) -> Both:
    def run(kind: str, to: str, rate: int = 44_100, channels: int = 2, subtype: str = "PCM_16") -> Pair:
        path = source(kind, rate, channels, subtype)
        return encode(mill, path, tmp_path, Coding(to))

    return run


def slow(*values: object) -> object:
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("kind", "rate", "channels", "subtype"),
    [
        ("songs", 44_100, 2, "PCM_16"),
        ("odd", 44_100, 1, "PCM_24"),
        ("odd", 44_100, 1, "FLOAT"),
        slow("silence", 44_100, 2, "PCM_16"),
        slow("clicks", 48_000, 2, "PCM_24"),
        slow("songs", 8_000, 1, "PCM_16"),
        slow("songs", 22_050, 2, "PCM_16"),
        slow("odd", 96_000, 2, "PCM_24"),
        slow("songs", 48_000, 6, "PCM_16"),
    ],
)
def test_flac_in_pieces_is_the_same_file(both: Both, kind: str, rate: int, channels: int, subtype: str) -> None:
    made = both(kind, "flac", rate, channels, subtype)
    assert made.split.path.read_bytes() == made.serial.path.read_bytes()
    assert made.split.report == made.serial.report
    subprocess.run(["flac", "--test", "--silent", "--warnings-as-errors", made.split.path], check=True)


def test_flac_in_matroska_and_alac_hold_the_same_packets(both: Both) -> None:
    for to in ("mka", "alac"):
        made = both("odd", to)
        copied = [
            ffmpeg("-i", each.path, "-map", "0:a", "-c", "copy", "-f", "data", "-")
            for each in (made.serial, made.split)
        ]
        assert copied[0] == copied[1]
        assert made.split.report == made.serial.report


@pytest.fixture
def long_job(tmp_path: Path, source: Callable[[str, int, int, str], Path]) -> Job:
    (tmp_path / "work").mkdir()
    return Job(source("songs", 96_000, 2, "PCM_24"), tmp_path / "work", FORMATS["mp3"], encoders=ENCODERS)


def crew(mill: Mill) -> list[psutil.Process]:
    """A conversion and its encoders."""
    return below(_server(mill))


def _server(mill: Mill) -> psutil.Process:
    assert mill._server is not None
    return psutil.Process(mill._server._process.pid)


@pytest.fixture
def own_mill() -> Iterator[Mill]:
    with Mill() as made:
        yield made


def test_a_crew_encodes_and_ends_with_its_conversion(own_mill: Mill, long_job: Job) -> None:
    seen: set[int] = set()

    def tick(fraction: float) -> bool:
        seen.add(len(crew(own_mill)))
        return True

    own_mill.convert(long_job, tick)
    assert max(seen) == 1 + ENCODERS
    assert crew(own_mill) == []


def test_a_killed_encoder_fails_the_conversion_and_leaves_nothing(own_mill: Mill, long_job: Job) -> None:
    def tick(fraction: float) -> bool:
        conversion = _server(own_mill).children()
        kill(each for each in crew(own_mill) if each not in conversion)
        return True

    with pytest.raises(ConversionError) as failed:
        own_mill.convert(long_job, tick)
    assert failed.value.failure.code is FailureCode.CRASHED
    assert failed.value.failure.retryable
    assert "too little memory" in failed.value.failure.message
    assert crew(own_mill) == []


def test_a_killed_conversion_takes_its_encoders_along(own_mill: Mill, long_job: Job) -> None:
    def tick(fraction: float) -> bool:
        kill(_server(own_mill).children())
        return True

    with pytest.raises(ConversionError):
        own_mill.convert(long_job, tick)
    assert crew(own_mill) == []


def test_encoders_share_the_processor_time_of_their_conversion(own_mill: Mill, long_job: Job) -> None:
    longer = write(long_job.source.with_name("longer.wav"), np.tile(music(1.0), (240, 1)))
    with pytest.raises(ConversionError) as failed:
        own_mill.convert(
            replace(long_job, source=longer, limits=Limits(cpu=timedelta(seconds=1))), lambda fraction: True
        )
    assert failed.value.failure.code is FailureCode.CPU_LIMIT


@pytest.mark.parametrize(
    ("seconds", "target", "encoders", "is_worth_it"),
    [
        (10, "flac", 2, True),
        (10, "flac", 1, False),
        (1, "flac", 2, False),
        (10, "ogg", 2, True),
        (10, "wma", 2, False),
        (10, "wav", 2, True),
        (10, "aac", 2, True),
    ],
)
def test_what_is_small_or_can_not_be_split_gets_no_crew(
    tmp_path: Path, seconds: float, target: str, encoders: int, is_worth_it: bool
) -> None:
    source = write(tmp_path / "a.wav", music(seconds))
    assert is_worth_a_crew(Job(source, tmp_path, FORMATS[target], encoders=encoders)) is is_worth_it


def test_a_source_that_changes_its_form_midway_is_encoded_in_one_piece(mill: Mill, tmp_path: Path) -> None:
    links = [
        encoded(tmp_path, f"{rate}.oga", "-c:a", "flac", samples=music(40.0, rate), rate=rate)
        for rate in (44_100, 48_000)
    ]
    source = tmp_path / "chained.oga"
    source.write_bytes(b"".join(each.read_bytes() for each in links))
    made = []
    for encoders in (1, ENCODERS):
        (directory := tmp_path / str(encoders)).mkdir()
        job = Job(source, directory, FORMATS["mp3"], encoders=encoders)
        made.append(mill.convert(job, lambda fraction: True))
    assert made[0].path.read_bytes() == made[1].path.read_bytes()
    assert [len(each.report.remarks) for each in made] == [0, 1]
    assert made[1].report.remarks[0].startswith("encoded in one piece: ")


@pytest.mark.parametrize("end", [0.001, 0.5, 0.9, 1.0, 25.0])
def test_little_of_a_long_sound_is_cut_to_the_sample(
    mill: Mill, tmp_path: Path, source: Callable[[str, int, int, str], Path], end: float
) -> None:
    job = Job(
        source("songs", 44_100, 2, "PCM_16"), tmp_path, FORMATS["ogg"], ConversionOptions(trim_end=end), encoders=2
    )
    report = mill.convert(job, lambda fraction: True).report
    assert report.result.sample_count == round(end * 44_100)
    assert report.remarks == (), "it needn't be begun in pieces"


@pytest.mark.parametrize("to", ["flac", "alac"])
def test_pieces_whose_loudness_is_measured_are_compared_too(
    mill: Mill, tmp_path: Path, source: Callable[[str, int, int, str], Path], to: str
) -> None:
    asked = ConversionOptions(measure_loudness=True)
    path = source("odd", 44_100, 1, "FLOAT")
    made = mill.convert(Job(path, tmp_path, FORMATS[to], asked, encoders=ENCODERS), lambda fraction: True)
    assert made.report.result.loudness is not None
    assert made.report.remarks == ()


def test_what_takes_too_much_memory_in_pieces_is_encoded_in_one(mill: Mill, tmp_path: Path) -> None:
    surround = write(tmp_path / "a.wav", music(46.0, 16_000, 8), 16_000)
    asked = ConversionOptions(sample_rate=384_000, bit_depth=24)
    for to, options, encoders in (("ogg", ConversionOptions(sample_rate=24_000), 16), ("flac", asked, ENCODERS)):
        (directory := tmp_path / to).mkdir()
        job = Job(surround, directory, FORMATS[to], options, encoders=encoders, may_be_helped=True)
        assert mill.convert(job, lambda fraction: True).report.result.duration == pytest.approx(46, abs=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_does_not_depend_on_the_length(own_mill: Mill, tmp_path: Path) -> None:
    def peak_bytes(minutes: int) -> int:
        (directory := tmp_path / str(minutes)).mkdir()
        source = tmp_path / f"{minutes}.flac"
        source_of(minutes, source)
        peaks: dict[int, int] = {}

        def tick(fraction: float) -> bool:
            for each in crew(own_mill):
                with suppress(OSError, IndexError):
                    status = Path(f"/proc/{each.pid}/status").read_text()
                    # What is shared has a fixed size; how much of it is used goes by the length of pieces, up to a minute.
                    own = int(status.split("RssAnon:")[1].split()[0]) * 1024
                    peaks[each.pid] = max(own, peaks.get(each.pid, 0))
            return True

        own_mill.convert(Job(source, directory, FORMATS["mp3"], encoders=ENCODERS), tick)
        return max(peaks.values())

    assert peak_bytes(20) <= 1.25 * peak_bytes(4)


def source_of(minutes: int, path: Path) -> Path:
    with soundfile.SoundFile(path, "w", 44_100, 2, "PCM_16") as file:
        block = music(10.0)
        for _ in range(minutes * 6):
            file.write(block)
    return path


@given(st.integers(0, (1 << 31) - 1))
def test_frame_numbers_are_coded_like_characters(number: int) -> None:
    coded = coded_number(number)
    if number < 0xD800 or 0xE000 <= number <= 0x10FFFF:
        assert coded == chr(number).encode()
    assert len(coded) <= 6


def packets(count: int, data: bytes = b"\0" * 8) -> Packets:
    return packed([data] * count)


def packed(datas: list[bytes]) -> Packets:
    return Packing(CodedPacket(number, 1, data) for number, data in enumerate(datas)).packed()


def test_runs_that_do_not_overlap_are_refused() -> None:
    for join in (join_aac, join_anywhere, join_layer_three, join_opus, join_vorbis):
        with pytest.raises(Unstitchable):
            join(Run(0, packets(10)), Run(20, packets(10)), 20)


def test_opus_is_joined_where_all_is_celt_of_one_form() -> None:
    silk, celt, narrow = bytes([0x48]), bytes([0xF8]), bytes([0xD8])
    before = Run(0, packed([silk] * 6 + [celt] * 10))
    after = Run(2, packed([narrow] * 6 + [celt] * 8))
    assert join_opus(before, after, 4) == Cut(9, 7)
    with pytest.raises(Unstitchable):
        join_opus(Run(0, packets(9, silk)), Run(0, packets(9, silk)), 4)


def aac_frame(sequence: int, *, is_pair: bool = False, gain: int = 100, has_common_window: bool = True) -> bytes:
    """The begin of a raw data block with one element: behind its name, if it's a pair's, with “Kaiser-Bessel” as the shape."""
    named = "110" + f"{15:04b}" + f"{2:08b}" + "0" * 8 * 16 if gain == 100 else ""
    head = f"001{0:04b}{has_common_window:d}" if is_pair else f"000{0:04b}{gain:08b}"
    bits = f"{named}{head}0{sequence:02b}1"
    return int(bits.ljust(512, "0"), 2).to_bytes(64)


@pytest.mark.parametrize("is_pair", [False, True])
def test_aac_is_joined_behind_frames_with_the_same_windows(is_pair: bool) -> None:
    before, after = (
        [aac_frame(each, is_pair=is_pair) for each in row] for row in ([0, 0, 1, 2, 3, 0], [0, 0, 0, 1, 3, 0])
    )
    first, second = (Run(0, packed(row)) for row in (before, after))
    assert join_aac(first, second, 3) == Cut(5, 5)
    with pytest.raises(Unstitchable):
        join_aac(first, Run(0, second.packets[:5]), 3)


def test_aac_is_joined_where_a_whole_frame_is_the_same_if_there_is_one() -> None:
    gains = [1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 5, 11]
    first, second = (Run(0, packed([aac_frame(0, gain=each) for each in row])) for row in gains)
    assert join_aac(first, second, 2) == Cut(5, 5)


def test_channels_with_different_windows_are_no_place_to_join_aac() -> None:
    row = packets(10, aac_frame(0, is_pair=True, has_common_window=False))
    with pytest.raises(Unstitchable):
        join_aac(Run(0, row), Run(0, row), 2)


@pytest.mark.parametrize("channels", [1, 2])
def test_windows_are_read_as_the_standard_lets_them_follow_each_other(tmp_path: Path, channels: int) -> None:
    sound = SOUNDS["clicks"](44_100, channels)[: 15 * 44_100] + 0.01 * music(15.0, channels=channels)
    path = encoded(tmp_path, "a.m4a", "-c:a", "aac", samples=sound)
    with av.open(str(path)) as file:
        frames = [bytes(packet) for packet in file.demux(audio=0) if packet.size]
    read = [windows(each) for each in frames]
    assert None not in read
    only_long, start, short, stop = range(4)  # ISO/IEC 14496-3, table 4.86
    follow = {(a.sequence, b.sequence) for a, b in pairwise(read) if a and b}
    assert follow <= {
        *((each, to) for each in (only_long, stop) for to in (only_long, start)),
        *((each, to) for each in (start, short) for to in (short, stop)),
    }
    assert {sequence for pair in follow for sequence in pair} == {only_long, start, short, stop}


def vorbis_blocks(begins_at: int, sizes: list[int]) -> Packets:
    """Packets of blocks of 256 (2) and 2,048 (14 between long ones) samples."""
    made, at = [], begins_at
    for before, size in zip([sizes[0], *sizes], sizes, strict=False):
        data = bytes([0x0E if size == 2048 else 0x00])
        made.append(CodedPacket(at, (before + size) // 4, data))
        at += (before + size) // 4
    return Packing(made).packed()


def test_vorbis_is_joined_where_blocks_come_into_step_or_told_to_begin_later() -> None:
    transient = [2048] * 8 + [256] * 4 + [2048] * 12
    before, after = (Run(0, vorbis_blocks(at, transient)) for at in (8192, 8192))
    assert join_vorbis(before, after, 2).kept == join_vorbis(before, after, 2).dropped
    still = [2048] * 24
    with pytest.raises(Misaligned) as told:
        join_vorbis(Run(0, vorbis_blocks(8192 + 320, still)), Run(0, vorbis_blocks(8192, still)), 2)
    assert told.value.shift == 320


@pytest.mark.parametrize(
    ("name", "options", "is_split"),
    [
        ("flac", {}, True),
        ("mp3", {"quality": 4}, True),
        ("mp3", {"bit_rate_mode": "variable"}, False),  # a full reservoir
        ("opus", {}, True),
        ("opus", {"bit_rate_mode": "constant"}, True),
        ("opus", {"bit_rate": 64_000}, False),  # SILK
        ("ogg", {}, True),
        ("m4a", {}, True),
        ("aac", {"bit_rate": 64_000}, True),
        ("m4a", {"bit_rate": 48_000}, False),  # few bits: the rate control comes to other ends
        ("wma", {}, False),
        ("wav", {}, False),
    ],
)
def test_codecs_are_split_where_their_packets_can_be_joined(name: str, options: dict[str, Any], is_split: bool) -> None:
    sound = Sound("pcm_s16le", 44_100, 2, "stereo", "s16")
    assert can_be_split(make_plan(sound, FORMATS[name], ConversionOptions(**options))) is is_split
