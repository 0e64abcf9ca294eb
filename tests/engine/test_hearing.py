"""A result is decoded by several processes, and nothing that is wrong with it escapes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from tests.sounds import RATE, Samples, encoded, music

BLOCK = 4608
SECONDS = 45.0


@pytest.fixture(scope="module")
def sound() -> Samples:
    return np.round(music(SECONDS) * 32767) / 32768


def heard(path: Path, *numbers: int) -> str:
    command = [sys.executable, "-m", "tests.engine.hear", str(path), *map(str, numbers)]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode()


@pytest.fixture(scope="module")
def flac(tmp_path_factory: pytest.TempPathFactory, sound: Samples) -> Path:
    return encoded(tmp_path_factory.mktemp("flac"), "a.flac", "-c:a", "flac", samples=sound)


def prints(sound: Samples) -> list[int]:
    """Of two stretches: 200 packets, and the rest."""
    pcm = np.round(sound * 32768).astype("<i2")
    first, rest = pcm[: 200 * BLOCK], pcm[200 * BLOCK :]
    return [200, crc32(first.tobytes()), -(-len(rest) // BLOCK), crc32(rest.tobytes())]


def test_every_sample_is_counted_and_compared(flac: Path, sound: Samples) -> None:
    assert heard(flac) == str(len(sound))
    assert heard(flac, *prints(sound)) == str(len(sound))


def test_aac_is_heard_to_the_sample(tmp_path: Path, sound: Samples) -> None:
    assert heard(encoded(tmp_path, "a.m4a", "-c:a", "aac", samples=sound)) == str(len(sound))


def test_other_samples_than_were_encoded_are_noticed(flac: Path, sound: Samples) -> None:
    changed = sound.copy()
    changed[300 * BLOCK, 0] += 1 / 32768
    assert "stretch 1 has other samples" in heard(flac, *prints(changed))


def test_a_changed_byte_is_noticed(flac: Path, tmp_path: Path) -> None:
    data = bytearray(flac.read_bytes())
    data[len(data) // 2] ^= 1
    broken = tmp_path / "broken.flac"
    broken.write_bytes(data)
    assert "ends early" in heard(broken)  # FFmpeg leaves out the frame, whose checksum is wrong now


def test_a_missing_end_is_noticed(flac: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.flac"
    short.write_bytes(flac.read_bytes()[: flac.stat().st_size * 2 // 3])
    assert "damaged" in heard(short) or "ends early" in heard(short)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("a.mp3", ("-c:a", "libmp3lame", "-b:a", "128k")),
        ("a.opus", ("-c:a", "libopus", "-ar", "48000")),
        ("a.m4a", ("-c:a", "alac")),
    ],
)
def test_delay_and_padding_are_no_sound(tmp_path: Path, sound: Samples, name: str, arguments: tuple[str, ...]) -> None:
    path = encoded(tmp_path, name, *arguments, samples=sound)
    rate = 48_000 if name == "a.opus" else RATE
    assert abs(int(heard(path)) - SECONDS * rate) <= 1
