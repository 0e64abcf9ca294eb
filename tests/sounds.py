"""Sounds for tests: made of numbers, written by libsndfile or by the machine's own ffmpeg, never by the code under test."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

type Samples = npt.NDArray[np.float64]

RATE = 44_100


def music(seconds: float = 1.0, rate: int = RATE, channels: int = 2, seed: int = 1) -> Samples:
    """Chords that change four times a second with a little noise: shape (samples, channels), peaks below 0.8."""
    random = np.random.default_rng(seed)
    count = round(seconds * rate)
    time = np.arange(count) / rate
    beat = np.floor(time * 4)
    out = np.zeros((count, channels))
    for channel in range(channels):
        for voice in range(3):
            pitch = 110 * 2 ** (((beat * 5 + voice * 4 + channel * 3) % 24) / 12)
            out[:, channel] += 0.2 * np.sin(2 * np.pi * pitch * time)
    return np.clip(out + 0.02 * random.standard_normal(out.shape), -0.8, 0.8)


def long_music(seconds: int, rate: int) -> Samples:
    """One channel of songs, the same hundred seconds again and again: made in no time."""
    songs = np.concatenate([music(10.0, rate, 1, seed) for seed in range(10)])
    return np.tile(songs, (-(-seconds // 100), 1))[: seconds * rate]


def tones(frequencies: list[float], seconds: float = 1.0, rate: int = RATE) -> Samples:
    """One steady tone a channel."""
    time = np.arange(round(seconds * rate)) / rate
    return np.stack([0.3 * np.sin(2 * np.pi * each * time) for each in frequencies], axis=1)


def write(path: Path, samples: Samples, rate: int = RATE, subtype: str = "PCM_16", form: str | None = None) -> Path:
    """Write with libsndfile, which knows WAV, AIFF, FLAC, W64, CAF, AU …"""
    soundfile.write(path, samples, rate, subtype=subtype, format=form)
    return path


def ffmpeg(*arguments: str | Path) -> bytes:
    """Run the machine's ffmpeg, quietly and overwriting; gives its standard output."""
    command: list[str | Path] = ["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


def encoded(
    directory: Path, name: str, *arguments: str | Path, samples: Samples | None = None, rate: int = RATE
) -> Path:
    """A file ``name`` made by the machine's ffmpeg from ``samples`` (a second of music when not given)."""
    original = write(directory / f"original of {name}.wav", music() if samples is None else samples, rate)
    made = directory / name
    ffmpeg("-i", original, *arguments, made)
    original.unlink()
    return made


def decoded(path: Path, channels: int = 2, rate: int = RATE) -> Samples:
    """What the machine's ffmpeg decodes, at this form: shape (samples, channels). It must find nothing to complain of."""
    form: list[str | Path] = ["-map", "0:a:0", "-f", "f64le", "-ac", str(channels), "-ar", str(rate), "-"]
    command: list[str | Path] = ["ffmpeg", "-v", "error", "-nostdin", "-i", path, *form]
    ran = subprocess.run(command, capture_output=True, check=True)
    assert ran.stderr == b"", ran.stderr.decode()
    return np.frombuffer(ran.stdout, np.float64).reshape(-1, channels)


def probed(path: Path, *entries: str) -> dict[str, str]:
    """``ffprobe``'s entries of the first audio stream."""
    shown = ",".join(entries or ("codec_name", "sample_rate", "channels", "sample_fmt", "bits_per_raw_sample"))
    command: list[str | Path] = ["ffprobe", "-v", "error", "-select_streams", "a:0", "-of", "default=nw=1"]
    ran = subprocess.run([*command, "-show_entries", f"stream={shown}", path], capture_output=True, check=True)
    return dict(line.split("=", 1) for line in ran.stdout.decode().splitlines() if "=" in line)


def chapters(path: Path) -> list[dict[str, Any]]:
    """As ``ffprobe`` shows them."""
    command: list[str | Path] = ["ffprobe", "-v", "error", "-show_chapters", "-of", "json", path]
    shown: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[
        "chapters"
    ]
    return shown


@cache
def jpeg(size: int = 16) -> bytes:
    """A small JPEG."""
    return ffmpeg("-f", "lavfi", "-i", f"color=red:s={size}x{size}", "-frames:v", "1", "-f", "mjpeg", "-")
