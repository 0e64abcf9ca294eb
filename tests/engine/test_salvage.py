"""Damaged files: what can be decoded is given when it is asked for, when it should be heard, and what is lost is told."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from soundmill.engine.codecs.flac import renumbered
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.sound import Hole
from tests.engine.conftest import Convert
from tests.sounds import RATE, Samples, decoded, encoded, music, probed

SECONDS = 6.0
SLOW = pytest.mark.slow


def slowly(*kinds: str) -> list[Any]:
    """Less telling ones."""
    return [pytest.param(each, marks=SLOW) for each in kinds]


# By how many samples what stands behind a hole may be early or late: FLAC, MP4, Opus and constant MP3 tell exactly.
EXACT = {"flac": 0, "m4a": 0, "opus": 0, "mp3": 0, "tta": 0}
ROUNDED = {"ogg": 450, "mka": 45, "wma": 45}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    directory = tmp_path_factory.mktemp("whole")
    arguments = {"mka": ("-c:a", "flac"), "m4a": ("-movflags", "+faststart")}

    @cache
    def make(kind: str) -> Path:
        return encoded(directory, f"a.{kind}", *arguments.get(kind, ()), samples=music(SECONDS))

    return make


def holed(whole: Path, directory: Path) -> Path:
    """A twentieth of the bytes in the middle is zero."""
    data = bytearray(whole.read_bytes())
    begin, size = len(data) // 2, len(data) // 20
    data[begin : begin + size] = bytes(size)
    damaged = directory / f"holed{whole.suffix}"
    damaged.write_bytes(data)
    return damaged


def cut(whole: Path, directory: Path) -> Path:
    """Three fifths of it."""
    data = whole.read_bytes()
    short = directory / f"cut{whole.suffix}"
    short.write_bytes(data[: len(data) * 3 // 5])
    return short


def test_what_follows_on_a_broken_beginning_is_salvaged(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path]
) -> None:
    """FFmpeg's decoder of AAC calls a first packet that is none “not permitted”, others “invalid data”."""
    source = tmp_path / "a.m4a"
    data = bytearray(whole("m4a").read_bytes())
    first = data.index(b"mdat") + 4
    data[first : first + 3] = b"\xff\xff\xff"
    source.write_bytes(data)
    made = convert(source, "wav", on_damage="salvage")
    assert made.report.result.duration == pytest.approx(SECONDS, abs=0.1)
    assert np.sqrt(np.mean(decoded(made.path)[-RATE:] ** 2)) > 0.01


def shift(heard: Samples, wanted: Samples, most: int = 2000) -> int:
    """By how many samples ``heard`` is late."""
    a, b = heard[:, 0], wanted[most:-most, 0]
    return int(np.argmax(np.correlate(a, b, "valid"))) - most


@pytest.mark.parametrize("kind", ["flac", "m4a", "mp3", "ogg", "mka", *slowly("opus", "tta", "wma")])
def test_what_follows_on_a_hole_is_heard_when_it_should_be(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path], kind: str
) -> None:
    source = holed(whole(kind), tmp_path)
    made = convert(source, "wav", on_damage="salvage")
    rate = made.report.source.sample_rate
    heard, wanted = decoded(made.path, rate=rate), decoded(whole(kind), rate=rate)
    (hole,) = made.report.source.damage
    assert hole.filled
    assert hole.lost is not None
    begin, end = round(hole.at * rate), round((hole.at + hole.lost) * rate)
    assert 2 < hole.at < 3.1 < hole.at + hole.lost < 5.5
    assert np.allclose(heard[: begin - 4096], wanted[: begin - 4096], atol=0.001)  # 16 bits
    assert not np.any(heard[begin:end])
    last = slice(5 * rate + rate // 2, 6 * rate - 4096)
    assert abs(shift(heard[last], wanted[last])) <= (EXACT | ROUNDED)[kind]
    assert made.report.source.duration == made.report.result.duration == pytest.approx(SECONDS, abs=0.02)
    assert [each.partition(" (")[2] for each in made.report.not_carried] == ["damaged: silence stands there)"]


@pytest.mark.parametrize(
    "kind",
    [
        "flac",
        "mp3",
        "ogg",
        "mka",
        "wav",
        "w64",
        "caf",
        "au",
        "avi",
        "flv",
        *slowly("m4a", "opus", "tta", "wma", "wv", "webm", "aac"),
    ],
)
def test_a_file_that_is_cut_off_ends_there(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path], kind: str
) -> None:
    made = convert(cut(whole(kind), tmp_path), "flac", on_damage="salvage")
    rate = made.report.source.sample_rate
    length = len(decoded(made.path, rate=rate))
    assert made.report.source.sample_count == length
    assert 2.9 * rate <= length < 3.7 * rate
    if kind == "aac":  # nothing in an ADTS file says how long it should be
        return
    (hole,) = made.report.source.damage
    assert (hole.at, hole.filled) == (made.report.source.duration, False)
    if kind not in ("ogg", "opus", "avi", "flv"):
        assert hole.lost == pytest.approx(SECONDS - hole.at, abs=0.05)
    assert len(made.report.not_carried) == 1


@pytest.mark.parametrize("kind", ["flac", "mp3", "ogg", "mka", *slowly("m4a", "opus", "tta", "wma")])
def test_without_it_the_failure_says_where(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path], kind: str
) -> None:
    for options in ({}, {"on_damage": "fail"}):
        with pytest.raises(ConversionError, match=r"damaged after 0:0[123]") as refused:
            convert(holed(whole(kind), tmp_path), "wav", **options)
        assert refused.value.failure.code is FailureCode.DAMAGED_INPUT


@pytest.mark.parametrize("to", ["mp3", "m4a", *slowly("ogg", "opus", "aac", "wma", "flac", "mka")])
def test_a_salvaged_sound_goes_into_every_format(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path], to: str
) -> None:
    made = convert(holed(whole("m4a"), tmp_path), to, on_damage="salvage")
    assert made.report.result.duration == pytest.approx(SECONDS, abs=0.1)
    assert made.report.result.damage == ()
    assert float(probed(made.path, "sample_rate")["sample_rate"]) in (RATE, 48_000)


def test_a_whole_file_is_what_it_is_without(tmp_path: Path, convert: Convert, whole: Callable[[str], Path]) -> None:
    for kind, to in (("flac", "wav"), ("m4a", "m4a"), ("mp3", "mp3"), ("wav", "flac")):
        made = convert(whole(kind), to, on_damage="salvage")
        assert np.array_equal(decoded(made.path), decoded(whole(kind)))
        assert (made.report.source.damage, made.report.not_carried) == ((), ())


def test_several_holes_are_all_told(tmp_path: Path, convert: Convert, whole: Callable[[str], Path]) -> None:
    data = bytearray(whole("flac").read_bytes())
    for part in (3, 5, 7):
        data[len(data) * part // 10] ^= 0xA5
    damaged = tmp_path / "a.flac"
    damaged.write_bytes(data[: len(data) * 9 // 10])
    made = convert(damaged, "wav", on_damage="salvage", fade_out=0.1)
    holes = made.report.source.damage
    assert [each.filled for each in holes] == [True, True, True, False]
    assert [round(each.at / SECONDS * 10) for each in holes] == [3, 5, 7, 9]
    assert len(decoded(made.path)) == round(holes[-1].at * RATE)


def test_edits_apply_to_the_sound_with_its_silence(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path]
) -> None:
    source = holed(whole("flac"), tmp_path)
    plain = decoded(convert(source, "wav", on_damage="salvage").path)
    edited = convert(source, "wav", on_damage="salvage", trim_start=1.0, trim_end=5.5)
    assert np.array_equal(decoded(edited.path), plain[RATE : 5 * RATE + RATE // 2])


@pytest.mark.parametrize("options", [{"loudness": -20}, {"measure_loudness": True}])
def test_the_loudness_of_a_sound_with_its_silence_is_measured(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path], options: dict[str, float]
) -> None:
    report = convert(holed(whole("flac"), tmp_path), "wav", on_damage="salvage", **options).report
    assert report.source.damage[0].filled
    assert report.source.loudness is not None
    assert report.result.loudness is not None
    wanted = options.get("loudness", report.source.loudness.integrated)
    assert report.result.loudness.integrated == pytest.approx(wanted, abs=0.1)


@pytest.mark.parametrize("kind", ["flac", "m4a", "ogg", "mp3", "wav"])
def test_of_a_file_without_its_beginning_there_is_nothing_to_salvage(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path], kind: str
) -> None:
    short = tmp_path / f"a.{kind}"
    short.write_bytes(whole(kind).read_bytes()[:40])
    with pytest.raises(ConversionError) as refused:
        convert(short, "wav", on_damage="salvage")
    assert refused.value.failure.code in (FailureCode.DAMAGED_INPUT, FailureCode.UNSUPPORTED_INPUT)


def test_holes_survive_as_json(tmp_path: Path, convert: Convert, whole: Callable[[str], Path]) -> None:
    """The report comes from another process, and goes to another machine."""
    made = convert(holed(whole("tta"), tmp_path), "wav", on_damage="salvage")
    assert [type(each) for each in made.report.source.damage] == [Hole]
    again = type(made.report).from_dict(made.report.as_dict())
    assert again == made.report


@pytest.mark.parametrize(
    "kind", ["flac", "ogg", *slowly("m4a", "opus", "mp3", "tta", "mka", "wma", "wav", "wv", "webm", "aac")]
)
def test_however_it_is_damaged_it_ends_clearly(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path], kind: str
) -> None:
    data = whole(kind).read_bytes()
    for seed in range(3):
        random = np.random.default_rng(seed)
        damaged = bytearray(data)
        for at in random.integers(0, len(data), 1 + 10 * seed):
            damaged[at : at + 8] = random.bytes(8)
        gone = int(random.integers(len(data)))
        del damaged[gone : gone + int(random.integers(20_000))]
        source = tmp_path / f"{seed}.{kind}"
        source.write_bytes(damaged)
        try:
            made = convert(source, "wav", on_damage="salvage")
        except ConversionError as refused:
            assert refused.failure.code in (FailureCode.DAMAGED_INPUT, FailureCode.UNSUPPORTED_INPUT)  # noqa: PT017
        else:
            assert made.report.result.sample_count == made.report.source.sample_count
            assert made.report.source.duration < 4 * SECONDS


def test_frame_numbers_that_leap_are_no_damage_where_no_sample_is_missing(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path]
) -> None:
    """Some programs put FLAC files together without numbering their frames anew."""
    data = whole("flac").read_bytes()
    with av.open(str(whole("flac"))) as opened:
        frames = [bytes(packet) for packet in opened.demux(opened.streams.audio[0]) if packet.size]
    numbered = [*frames[:30], *renumbered(frames[30:], 37)]
    leaping = tmp_path / "a.flac"
    leaping.write_bytes(data[: data.index(frames[0])] + b"".join(numbered))
    assert np.array_equal(decoded(convert(leaping, "wav").path), decoded(whole("flac")))


@pytest.mark.parametrize("codec", ["adpcm_ms", "adpcm_ima_wav"])
def test_one_broken_block_of_many_is_found_and_one_is_lost(tmp_path: Path, convert: Convert, codec: str) -> None:
    source = encoded(tmp_path, "a.wav", "-c:a", codec, samples=music(SECONDS))
    length = convert(source, "wav").report.source.sample_count
    data = bytearray(source.read_bytes())
    form, sound = data.index(b"fmt ") + 8, data.index(b"data") + 8
    block_bytes, block_samples = (int.from_bytes(data[form + at :][:2], "little") for at in (12, 18))
    # No predictor of MS has the first number; no step of IMA's table, which stands two bytes later, the last one.
    data[sound + 101 * block_bytes : sound + 101 * block_bytes + 4] = b"\xff" * 4
    source.write_bytes(data)
    with pytest.raises(ConversionError) as refused:
        convert(source, "wav")
    assert refused.value.failure.code is FailureCode.DAMAGED_INPUT
    made = convert(source, "wav", on_damage="salvage")
    assert made.report.result.sample_count == length
    (hole,) = made.report.source.damage
    assert hole.lost == pytest.approx(block_samples / RATE, abs=1e-5)


@pytest.mark.parametrize("name", ["a.ac3", "a.eac3"])
def test_a_frame_of_ac3_with_another_checksum_is_damage(tmp_path: Path, convert: Convert, name: str) -> None:
    source = encoded(tmp_path, name, samples=music(2.0))
    length = convert(source, "wav").report.source.sample_count
    data = bytearray(source.read_bytes())
    frame = data.index(b"\x0b\x77", len(data) // 2)
    data[frame + 300] ^= 1
    source.write_bytes(data)
    with pytest.raises(ConversionError, match=r"damaged after 0:0[01]"):
        convert(source, "wav")
    made = convert(source, "wav", on_damage="salvage")
    (hole,) = made.report.source.damage
    assert hole.lost == pytest.approx(1536 / RATE, abs=0.001)
    assert made.report.result.sample_count == pytest.approx(length, abs=RATE / 1000)


@pytest.mark.parametrize("codec", ["libmp3lame", "pcm_s16le"])
def test_a_chunk_of_avi_that_only_its_index_tells_of_is_missed(tmp_path: Path, convert: Convert, codec: str) -> None:
    source = encoded(tmp_path, "a.avi", "-c:a", codec, samples=music(SECONDS))
    length = convert(source, "wav").report.source.sample_count
    data = bytearray(source.read_bytes())
    head = data.index(b"00wb", len(data) // 2)
    data[head : head + 8] = bytes(8)
    source.write_bytes(data)
    with pytest.raises(ConversionError, match=r"damaged after 0:0[23]") as refused:
        convert(source, "wav")
    assert refused.value.failure.code is FailureCode.DAMAGED_INPUT
    made = convert(source, "wav", on_damage="salvage")
    assert 0 < length - made.report.result.sample_count < RATE / 2
    (hole,) = made.report.source.damage
    assert hole.at == pytest.approx(SECONDS / 2, abs=0.5)


@pytest.mark.parametrize("codec", ["adpcm_ms", "adpcm_ima_wav", "libmp3lame"])
def test_blocks_of_wave_that_are_cut_off_are_told(tmp_path: Path, convert: Convert, codec: str) -> None:
    source = encoded(tmp_path, "a.wav", "-c:a", codec, samples=music(SECONDS))
    convert(source, "wav")
    with pytest.raises(ConversionError, match="ends early: it is cut off at byte"):
        convert(cut(source, tmp_path), "wav")


@pytest.mark.parametrize("how", ["zero", "gone"])
def test_a_hole_in_flv_is_told(tmp_path: Path, convert: Convert, whole: Callable[[str], Path], how: str) -> None:
    data = whole("flv").read_bytes()
    begin, size = len(data) // 2, len(data) // 20
    source = tmp_path / "a.flv"
    source.write_bytes(data[:begin] + (bytes(size) if how == "zero" else b"") + data[begin + size :])
    with pytest.raises(ConversionError, match=r"damaged after 0:0[23] \(byte "):
        convert(source, "wav")
    made = convert(source, "wav", on_damage="salvage")
    (hole,) = made.report.source.damage
    assert hole.at == pytest.approx(SECONDS / 2, abs=0.5)
    assert hole.lost == pytest.approx(SECONDS / 20, abs=0.2)
    assert made.report.source.duration == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize("behind", [bytes(1000), b"written by somebody\r\n" * 9])
def test_what_stands_behind_flv_is_no_damage(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path], behind: bytes
) -> None:
    source = tmp_path / "a.flv"
    source.write_bytes(whole("flv").read_bytes() + behind)
    assert convert(source, "wav").report.source.duration == pytest.approx(SECONDS, abs=0.1)


def flv_tags(data: bytes) -> list[bytes]:
    tags, at = [], 13
    while at < len(data):
        size = 11 + int.from_bytes(data[at + 1 : at + 4])
        tags.append(data[at : at + size])
        at += size + 4
    return tags


@pytest.mark.parametrize("how", ["one less", "sums", "none at the end", "another kind", "a stream's number"])
def test_flv_as_other_programs_write_it_is_whole(
    tmp_path: Path, convert: Convert, whole: Callable[[str], Path], how: str
) -> None:
    data = whole("flv").read_bytes()
    tags = flv_tags(data)
    if how == "another kind":
        tags.insert(len(tags) // 2, b"\x0f\0\0\x14" + bytes(7 + 20))
    elif how == "a stream's number":
        tags = [each[:8] + b"\0\0\1" + each[11:] for each in tags]
    if how in ("one less", "sums", "a stream's number"):
        tags += 3 * [b"\x12" + (6 << 20).to_bytes(3) + bytes(7 + (6 << 20))]  # more than anybody appends
    told = [len(each) - (how == "one less") for each in tags]
    if how == "sums":
        told = [*accumulate(told)]
    behind = [each.to_bytes(4) for each in told]
    if how == "none at the end":
        behind[-1] = b""
    source = tmp_path / "a.flv"
    source.write_bytes(data[:13] + b"".join(chain.from_iterable(zip(tags, behind, strict=True))))
    assert convert(source, "wav").report.source.duration == pytest.approx(SECONDS, abs=0.1)


FRAGMENTED = ("-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "500000")


def fragments_of(data: bytes) -> list[tuple[int, int]]:
    begins = [at - 4 for at in range(len(data)) if data.startswith(b"moof", at)]
    return list(pairwise([*begins, data.index(b"mfra") - 4]))


@pytest.mark.parametrize("how", ["gone", "zero"])
def test_a_fragment_of_mp4_that_is_missing_is_told(tmp_path: Path, convert: Convert, how: str) -> None:
    source = encoded(tmp_path, "a.m4a", *FRAGMENTED, samples=music(SECONDS))
    convert(source, "wav")
    data = source.read_bytes()
    begin, end = fragments_of(data)[5]
    if how == "zero":
        end = begin + 100
    source.write_bytes(data[:begin] + (b"" if how == "gone" else bytes(100)) + data[end:])
    with pytest.raises(ConversionError, match=f"is damaged at byte {begin:,}"):
        convert(source, "wav")
    assert convert(source, "wav", on_damage="salvage").report.not_carried


def test_fragments_of_several_files_are_one_sound(tmp_path: Path, convert: Convert) -> None:
    """Numbers begin anew, or count what this file doesn't hold."""
    source = encoded(tmp_path, "a.m4a", *FRAGMENTED, samples=music(SECONDS))
    count = convert(source, "wav").report.source.sample_count
    data = bytearray(source.read_bytes())
    for number, (begin, _) in enumerate(fragments_of(bytes(data))):
        data[begin + 20 : begin + 24] = (number * 7 % 100).to_bytes(4)
    source.write_bytes(data)
    assert convert(source, "wav").report.source.sample_count == count


def test_packets_in_wave_that_are_none_are_told(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.wav", "-c:a", "libmp3lame", samples=music(SECONDS))
    data = source.read_bytes()
    source.write_bytes(data[:-8000] + bytes([0xFF, 0xFB, 0x90, 0xFF] * 2000))
    with pytest.raises(ConversionError, match="damaged after"):
        convert(source, "wav")


def test_a_few_samples_that_caf_lacks_are_told(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.caf", samples=music(1.0))
    source.write_bytes(source.read_bytes()[:-400])
    with pytest.raises(ConversionError, match=r"declares 0:01\.000 but holds 0:00\.997"):
        convert(source, "wav")


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WAVE" + b"".join(name + len(data).to_bytes(4, "little") + data for name, data in chunks)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def test_sound_in_a_second_chunk_of_wave_is_told(tmp_path: Path, convert: Convert) -> None:
    form = struct.pack("<HHIIHH", 1, 2, RATE, 4 * RATE, 4, 16)
    pcm = (music(2.0) * 32767).astype("<i2").tobytes()
    source = tmp_path / "a.wav"
    source.write_bytes(riff((b"fmt ", form), (b"data", pcm[: 4 * RATE]), (b"junk", bytes(10)), (b"data", b"")))
    assert convert(source, "flac").report.source.sample_count == RATE  # nothing is in the other
    source.write_bytes(riff((b"fmt ", form), (b"data", pcm[: 4 * RATE]), (b"data", pcm[4 * RATE :])))
    with pytest.raises(ConversionError, match=r"damaged after 0:01 \(byte 176,444\)"):
        convert(source, "flac")
    made = convert(source, "flac", on_damage="salvage")
    assert made.report.source.damage == (Hole(1.0, None, filled=False),)
    assert np.array_equal(decoded(made.path), np.frombuffer(pcm[: 4 * RATE], "<i2").reshape(-1, 2) / 32768)


@pytest.mark.parametrize(("begin", "size"), [(200_000, 20_000), (-9_000, 5_000)])
def test_a_hole_in_voc_is_told(tmp_path: Path, convert: Convert, begin: int, size: int) -> None:
    """Zeros where a block would begin are the end of the file."""
    source = encoded(tmp_path, "a.voc", samples=music(2.0))
    length = convert(source, "wav").report.source.sample_count
    data = bytearray(source.read_bytes())
    begin %= len(data)
    data[begin : begin + size] = bytes(size)
    source.write_bytes(data)
    with pytest.raises(ConversionError, match="damaged at byte"):
        convert(source, "wav")
    made = convert(source, "wav", on_damage="salvage")
    assert made.report.source.damage
    assert made.report.source.sample_count < length


@pytest.mark.parametrize("behind", [b"", bytes(3000), b"\x1asomebody's words"])
def test_what_stands_behind_the_end_of_voc_is_no_damage(tmp_path: Path, convert: Convert, behind: bytes) -> None:
    source = encoded(tmp_path, "a.voc")
    source.write_bytes(source.read_bytes() + behind)
    assert convert(source, "wav").report.source.sample_count == RATE


def test_voc_that_is_cut_off_is_told(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.voc")
    source.write_bytes(source.read_bytes()[:-1000])
    with pytest.raises(ConversionError, match="ends early"):
        convert(source, "wav")


@pytest.mark.parametrize("last", [b"\xff\xfe\x12\xff", bytes(4)])
def test_voc_of_sox_is_whole(tmp_path: Path, convert: Convert, last: bytes) -> None:
    """Of 16 bits it counts 8 bytes too few, and so sound stands where the next block would begin; FFmpeg leaves it out."""
    form = struct.pack("<IBBH4x", RATE, 16, 2, 4)
    pcm = (music(1.0) * 32767).astype("<i2").tobytes()[:-8] + last + b"\1\0\0\0"
    size = len(form + pcm) - 8
    source = tmp_path / "a.voc"
    head = b"Creative Voice File\x1a" + struct.pack("<HHH", 26, 0x10A, 0x1129)
    source.write_bytes(head + b"\x09" + size.to_bytes(3, "little") + form + pcm + b"\0")
    assert convert(source, "wav").report.source.sample_count == RATE - 2


@pytest.mark.parametrize("to", ["wav", "opus"])
def test_packets_of_opus_in_mp4_that_were_never_written_are_told(tmp_path: Path, convert: Convert, to: str) -> None:
    source = encoded(tmp_path, "a.mp4", "-c:a", "libopus", samples=music(SECONDS))
    length = convert(source, to).report.source.sample_count
    damaged = holed(source, tmp_path)
    with pytest.raises(ConversionError, match=r"damaged after 0:0[23] \(byte"):
        convert(damaged, to)
    made = convert(damaged, to, on_damage="salvage")
    assert made.report.source.sample_count == length
    (hole,) = made.report.source.damage
    assert hole.filled
    assert 0.1 < (hole.lost or 0) < 0.5
