"""What the commands say, on whatever stands where they say it: a terminal, a full disk, nothing, a code page of old."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sounds import music, write

SOUNDMILL = [sys.executable, "-m", "soundmill"]


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write(tmp_path / "sóng ♫.wav", music(0.5))


def shown_on_a_terminal(arguments: list[str | Path]) -> bytes:
    screen, terminal = pty.openpty()
    with (
        open(screen, "rb", buffering=0) as read,
        subprocess.Popen(
            [*SOUNDMILL, *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        ),
    ):
        os.close(terminal)
        shown = b""
        try:
            while part := read.read(65536):
                shown += part
        except OSError:
            pass  # how Linux says that the other end is closed
        return shown


def test_no_trouble_is_wiped_away_with_the_bars(song: Path, tmp_path: Path) -> None:
    others = [write(tmp_path / f"{number}.wav", music(0.5)) for number in range(2)]
    shown = shown_on_a_terminal(["convert", song, tmp_path / "gone.wav", *others, "--to", "flac"])
    lines = shown.replace(b"\r\n", b"\n").split(b"\n")
    told = [line for line in lines if b"gone.wav: There is no such file." in line]
    assert len(told) == 1
    # Bars are wiped before it is written; nothing of them stands before it in its line.
    assert told[0].rpartition(b"\x1b[2K")[2].startswith(bytes(tmp_path))
    assert b"\x1b[2K1 of 4 failed.\r\n" in shown
    assert b" 0/1 " not in shown


def test_a_name_does_not_command_the_terminal(song: Path, tmp_path: Path) -> None:
    song.rename(odd := tmp_path / "a\x1b[31mb\nc.wav")
    shown = shown_on_a_terminal(["convert", odd, tmp_path / "\x1b[31mgone.wav", "--to", "flac"])
    assert b"[31m" in shown
    assert b"\x1b[31m" not in shown
    assert b"b\nc" not in shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_an_encoding_lacks_is_put_plainly(song: Path, encoding: str) -> None:
    def run(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        return subprocess.run([*SOUNDMILL, *arguments], capture_output=True, check=False, env=environment)

    ran = run("convert", song, "--to", "flac")
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert b" -> " in ran.stdout
    assert song.with_suffix(".flac").exists()
    told = json.loads(run("convert", song, "--to", "mp3", "--json").stdout)
    assert told["file"] == str(song)
    assert b'"pdf"' in run("convert", song, "--to", "pdf").stderr
    for arguments in (["settings"], ["convert", "--help"]):
        assert run(*arguments).returncode == 0


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_streams_hinder_no_conversion(song: Path, closed: str) -> None:
    ran = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *SOUNDMILL, "convert", song, "--to", "flac"])
    assert ran.returncode == 0
    subprocess.run(["flac", "--silent", "--test", song.with_suffix(".flac")], check=True)


@pytest.mark.parametrize("arguments", [["settings"], ["--version"], ["convert", "SONG", "--to", "flac", "--json"]])
def test_a_full_disk_behind_standard_output_is_told_in_a_line(song: Path, arguments: list[str]) -> None:
    asked = [song if each == "SONG" else each for each in arguments]
    with open("/dev/full", "w") as full:
        ran = subprocess.run([*SOUNDMILL, *asked], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr == "soundmill: Can't write to standard output: No space left on device.\n"
