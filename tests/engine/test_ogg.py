"""Ogg files are heard to the sample: chains of several, streams that were cut, and such as fit one page.

The judges are libvorbis and libopus inside libsndfile, which read a link by itself.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundmill.engine import Job, Mill
from soundmill.model.formats import FORMATS
from tests.engine.conftest import Convert
from tests.sounds import RATE, decoded, encoded, ffmpeg, music, write


@pytest.mark.parametrize("to", ["wav", "opus", pytest.param("ogg", marks=pytest.mark.slow)])
@pytest.mark.parametrize("codec", ["libvorbis", "libopus", "flac"])
def test_chained_ogg_files_convert_to_the_sample(tmp_path: Path, convert: Convert, codec: str, to: str) -> None:
    links = [
        encoded(tmp_path, f"{number}.ogg", "-c:a", codec, samples=music(seconds, 48_000, seed=number), rate=48_000)
        for number, seconds in enumerate((2.0, 0.01, 1.3))
    ]
    made = convert(chained(tmp_path / "a.ogg", links), to)
    assert made.report.source.sample_count == round(3.31 * 48_000)
    assert soundfile.info(made.path).frames == round(3.31 * 48_000)
    if to == "wav":
        wanted = np.concatenate(
            [decoded(each, 2, 48_000) if codec == "flac" else soundfile.read(each)[0] for each in links]
        )
        # Two versions of Opus' decoder differ by some of the last bits.
        assert np.max(np.abs(soundfile.read(made.path)[0] - wanted)) < (16 if codec == "libopus" else 1.5) / 2**15


def chained(path: Path, links: list[Path]) -> Path:
    path.write_bytes(b"".join(each.read_bytes() for each in links))
    return path


@pytest.mark.parametrize("codec", ["libvorbis", "libopus"])
def test_all_of_a_chain_gets_the_form_of_its_beginning(tmp_path: Path, convert: Convert, codec: str) -> None:
    forms = [(44_100, 1), (48_000, 2), (22_050, 1)]
    links = [
        encoded(tmp_path, f"{number}.ogg", "-c:a", codec, "-ar", "48000" if codec == "libopus" else str(rate),
                samples=music(1.0, rate, channels), rate=rate)
        for number, (rate, channels) in enumerate(forms)
    ]  # fmt: skip
    made = convert(chained(tmp_path / "a.ogg", links), "wav")
    rate = 48_000 if codec == "libopus" else 44_100
    found = soundfile.info(made.path)
    assert (found.samplerate, found.channels, found.frames) == (rate, 1, 3 * rate)
    more_hertz = ("sample rate 48000 Hz from 0:01.000 on (all of it gets 44100 Hz)",) if rate < 48_000 else ()
    assert made.report.not_carried == (*more_hertz, "2 channels from 0:01.000 on (all of it gets 1)")


EDITS: list[dict[str, float]] = [
    {"trim_start": 0.3}, {"trim_silence": True}, {"gain": -3.0}, {"fade_out": 0.5}, {"tempo": 1.3}
]  # fmt: skip


@pytest.mark.parametrize("edits", EDITS)
def test_a_chain_that_changes_its_rate_between_two_samples_is_edited(
    tmp_path: Path, convert: Convert, edits: dict[str, float]
) -> None:
    made = convert(changing(tmp_path), "wav", **edits)
    whole = soundfile.info(convert(tmp_path / "a.ogg", "wav").path).frames
    begin = round(edits.get("trim_start", 0) * RATE)
    assert soundfile.info(made.path).frames == round((whole - begin) / edits.get("tempo", 1))


def test_a_chain_that_changes_its_rate_between_two_samples_is_joined(tmp_path: Path, mill: Mill) -> None:
    sources = (changing(tmp_path), write(tmp_path / "b.wav", music(0.5)))
    (directory := tmp_path / "joined").mkdir()
    job = Job(sources[0], directory, FORMATS["wav"], following=sources[1:], names=("a.ogg", "b.wav"))
    frames = soundfile.info(mill.convert(job, lambda fraction: True).path).frames
    assert frames == pytest.approx((1.2345 + 0.7771 + 0.5) * RATE, abs=1)


def changing(directory: Path) -> Path:
    """Its second link isn't a whole number of samples long at the rate of the first."""
    links = [
        encoded(directory, f"{rate}.ogg", "-c:a", "libvorbis", samples=music(seconds, rate), rate=rate)
        for rate, seconds in ((RATE, 1.2345), (48_000, 0.7771))
    ]
    return chained(directory / "a.ogg", links)


@pytest.mark.parametrize("codec", ["libvorbis", "libopus"])
def test_a_chain_of_different_codecs_and_of_silent_links_is_heard_whole(
    tmp_path: Path, convert: Convert, codec: str
) -> None:
    others = {"libvorbis": "libopus", "libopus": "flac"}
    sound = music(0.5, 48_000)
    links = [
        encoded(tmp_path, f"{each}.ogg", "-c:a", each, samples=sound, rate=48_000) for each in (codec, others[codec])
    ]
    film = tmp_path / "film.ogv"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:r=25:d=1", "-c:v", "libtheora", film)
    made = convert(chained(tmp_path / "a.ogg", [links[0], film, links[1]]), "wav")
    assert soundfile.info(made.path).frames == 48_000


def test_vorbis_begins_and_ends_where_its_granules_say(tmp_path: Path, convert: Convert) -> None:
    """A first page that tells of fewer samples than it holds begins inside them (Vorbis I, appendix A.2)."""
    source = encoded(tmp_path, "a.ogg", "-c:a", "libvorbis", samples=music(2.5))
    whole = soundfile.read(source)[0]
    shifted = tmp_path / "b.ogg"
    for shift, wanted in ((-500, whole[500:]), (5000, whole)):
        shifted.write_bytes(with_granules(source.read_bytes(), shift))
        found = soundfile.read(convert(shifted, "wav").path)[0]
        assert len(found) == len(wanted)
        assert np.max(np.abs(found - wanted)) < 1.5 / 2**15


def with_granules(data: bytes, shift: int) -> bytes:
    """An Ogg file whose pages of sound tell of ``shift`` samples more, with their checksums (RFC 3533, section 6)."""
    made, at = bytearray(), 0
    while at < len(data):
        page = bytearray(data[at : at + 27 + data[at + 26] + sum(data[at + 27 : at + 27 + data[at + 26]])])
        at += len(page)
        granule = int.from_bytes(page[6:14], "little")
        if granule:
            page[6:14] = (granule + shift).to_bytes(8, "little")
        page[22:26] = bytes(4)
        page[22:26] = ogg_checksum(page).to_bytes(4, "little")
        made += page
    return bytes(made)


def ogg_checksum(page: bytes | bytearray) -> int:
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 * (value >> 31)) & 0xFFFFFFFF
    return value


@pytest.mark.parametrize("seconds", [0.001, 0.01, 0.1])
@pytest.mark.parametrize("codec", ["libvorbis", "libopus"])
def test_a_sound_of_one_page_has_its_length(tmp_path: Path, convert: Convert, codec: str, seconds: float) -> None:
    source = encoded(tmp_path, "a.ogg", "-c:a", codec, samples=music(seconds, 48_000), rate=48_000)
    found = soundfile.read(convert(source, "wav").path)[0]
    wanted = soundfile.read(source)[0]
    assert len(found) == len(wanted) == round(seconds * 48_000)
    assert np.max(np.abs(found - wanted)) < 1.5 / 2**15


@pytest.mark.parametrize("codec", ["libvorbis", "libopus", "flac"])
def test_each_damaged_link_of_a_chain_is_as_long_as_it_was(tmp_path: Path, convert: Convert, codec: str) -> None:
    made_as = ("-c:a", codec, "-page_duration", "200000")
    links = [
        encoded(tmp_path, f"{number}.ogg", *made_as, samples=music(3.0, 48_000, seed=number), rate=48_000)
        for number in range(3)
    ]
    whole = convert(chained(tmp_path / "a.ogg", links), "wav", on_damage="salvage")
    for each in (links[0], links[2]):
        without_a_page(each)
    made = convert(chained(tmp_path / "b.ogg", links), "wav", on_damage="salvage")
    assert [each.filled for each in made.report.source.damage] == [True, True]
    assert made.report.source.sample_count == pytest.approx(whole.report.source.sample_count, abs=2 * 1024)
    heard, second = soundfile.read(made.path)[0], soundfile.read(whole.path)[0][3 * 48_000 : 6 * 48_000]
    begins = range(3 * 48_000, 3 * 48_000 + 2 * 1024)
    assert any(np.array_equal(heard[at : at + len(second)], second) for at in begins)


def without_a_page(path: Path) -> None:
    data = path.read_bytes()
    pages = [at for at in range(len(data)) if data.startswith(b"OggS", at)]
    middle = len(pages) // 2
    path.write_bytes(data[: pages[middle]] + data[pages[middle + 1] :])
