"""``soundmill convert``, as a person calls it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.sounds import RATE, music, probed, write
from tests.waiting import until

WITHOUT_PRIVILEGE = [
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search",
]
"""Root may read what is forbidden to all."""


def command(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "soundmill", "convert", *arguments]


def converted(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=120)


def names(directory: Path) -> set[str]:
    return {each.name for each in directory.iterdir()}


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write(tmp_path / "song.wav", music(0.5))


def test_many_files_are_converted_beside_their_sources(tmp_path: Path) -> None:
    sources = [write(tmp_path / f"{number} ünï [b].wav", music(0.3, seed=number)) for number in range(4)]
    ran = converted(*sources, "--to", "ogg", "--quality", "3")
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    results = [source.with_suffix(".ogg") for source in sources]
    assert len(ran.stdout.splitlines()) == 4
    assert names(tmp_path) == {each.name for each in [*sources, *results]}
    assert {probed(result)["codec_name"] for result in results} == {"vorbis"}


def test_results_go_where_they_are_wanted(song: Path, tmp_path: Path) -> None:
    wanted = tmp_path / "new" / "deeper"
    ran = converted(song, "--to", ".MP3", "--output", wanted, "--bit-rate", "96k", "--sample-rate", "32k", "--quiet")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    shown = probed(wanted / "song.mp3", "codec_name", "sample_rate", "bit_rate")
    assert shown == {"codec_name": "mp3", "sample_rate": "32000", "bit_rate": "96000"}
    assert names(wanted) == {"song.mp3"}


def test_several_formats_are_made_in_one_go(song: Path, tmp_path: Path) -> None:
    ran = converted(song, tmp_path / "none.wav", "-t", "mp3", "-t", "flac", "-t", "MP3", "--json")
    assert ran.returncode == 1
    told = [(each["newFormat"], each["status"]) for each in map(json.loads, ran.stdout.splitlines())]
    assert sorted(told) == [(to, status) for to in ("flac", "mp3") for status in ("failed", "processed")]
    assert names(tmp_path) == {"song.wav", "song.mp3", "song.flac"}


def test_formats_whose_results_would_have_one_name_are_refused(song: Path, tmp_path: Path) -> None:
    ran = converted(song, "-t", "m4a", "-t", "alac")
    assert ran.returncode == 2
    assert "would have the same names" in " ".join(ran.stderr.replace("│", " ").split())
    assert names(tmp_path) == {"song.wav"}


def test_what_became_of_each_file_is_told_as_json(song: Path, tmp_path: Path) -> None:
    ran = converted(song, tmp_path / "none.wav", "--to", "mp3", "--measure-loudness", "--json")
    told = {Path(each["file"]).name: each for each in map(json.loads, ran.stdout.splitlines())}
    assert told["none.wav"] == {
        "file": str(tmp_path / "none.wav"),
        "newFormat": "mp3",
        "status": "failed",
        "error": "There is no such file.",
    }
    made = told["song.wav"]
    assert made["status"] == "processed"
    assert (made["source"]["bitDepth"], made["source"]["sampleCount"]) == (16, 22_050)
    assert made["result"]["path"] == str(tmp_path / "song.mp3")
    assert made["result"]["loudness"].keys() == {"integrated", "range", "truePeak"}
    assert made["result"]["madeBy"]["versions"]["ffmpeg"]
    settings = made["result"]["madeBy"]["settings"]
    assert (settings["encoder"], settings["bitRate"]) == ("libmp3lame", 192_000)


def test_sound_and_tags_are_edited(song: Path, tmp_path: Path) -> None:
    edits = ["--trim-start", "0.1", "--trim-end", "0.4", "--fade-in", "0.05", "--fade-out", "0.05", "--tempo", "0.5"]
    edits += ["--loudness", "-20", "--true-peak", "-2", "--audio-stream", "0"]
    ran = converted(song, "--to", "flac", *edits, "--strip-tags", "--tag", "title=A=B", "--tag", "comment=")
    assert (ran.returncode, ran.stderr) == (0, "")
    made = soundfile.SoundFile(tmp_path / "song.flac")
    assert made.frames == round(0.6 * RATE)
    assert made.title == "A=B"
    quiet = converted(song, "--to", "wav", "--gain", "-6", "--output", tmp_path / "quiet")
    assert quiet.returncode == 0, quiet.stderr
    loud = soundfile.read(song)[0]
    assert np.std(soundfile.read(tmp_path / "quiet" / "song.wav")[0]) == pytest.approx(np.std(loud) * 0.5012, rel=1e-3)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_file_is_divided_by_a_cue_sheet(song: Path, tmp_path: Path, encoding: str) -> None:
    sheet = tmp_path / "a.cue"
    text = 'TRACK 01 AUDIO\nTITLE "Eins"\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nTITLE "Fünf"\nINDEX 01 00:00:30'
    sheet.write_bytes(text.encode(encoding))
    ran = converted(song, "--to", "wav", "--split", "cue", "--cue", sheet)
    assert (ran.returncode, ran.stderr) == (0, "")
    with zipfile.ZipFile(tmp_path / "song.zip") as archive:
        assert archive.namelist() == ["01 Eins.wav", "02 Fünf.wav"]


def test_an_empty_cue_sheet_is_none_that_could_be_followed(song: Path, tmp_path: Path) -> None:
    (sheet := tmp_path / "a.cue").touch()
    ran = converted(song, "--to", "wav", "--split", "cue", "--cue", sheet)
    assert (ran.returncode, "empty" in ran.stderr) == (2, True)


def test_a_tag_that_comes_twice_is_refused(song: Path) -> None:
    ran = converted(song, "--to", "flac", "--tag", "artist=Ann", "--tag", "Artist=Bob")
    assert (ran.returncode, "comes twice" in ran.stderr) == (2, True)


def test_files_are_joined(song: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.flac", music(0.7))
    ran = converted("--join", song, other, "--to", "flac")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert soundfile.info(tmp_path / "song (joined).flac").frames == round(1.2 * RATE)
    assert names(tmp_path) == {"song.wav", "other.flac", "song (joined).flac"}
    again = converted("--join", song, other, "--to", "flac")
    assert (again.returncode, "--overwrite" in again.stderr) == (1, True)
    assert converted("--join", song, other, "--to", "mp3", "--gain", "3").returncode == 2
    for files in ([song], [song, tmp_path / "gone.wav"]):
        assert converted("--join", *files, "--to", "mp3").returncode == 1


def test_a_damaged_file_is_salvaged_and_cut_off_silence_goes(song: Path, tmp_path: Path) -> None:
    song.write_bytes(song.read_bytes()[:-20_000])
    ran = converted(song, "--to", "flac")
    assert (ran.returncode, "ends early" in ran.stderr) == (1, True)
    ran = converted(song, "--to", "flac", "--on-damage", "salvage", "--trim-silence", "--silence-threshold", "-90")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "less than the file declares" in ran.stdout
    assert probed(tmp_path / "song.flac")["codec_name"] == "flac"


def test_one_bad_file_does_not_stop_the_others(song: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.mp3"
    text.write_text("This is no sound.\n" * 100)
    ran = converted(text, tmp_path / "missing.wav", tmp_path, song, "--to", "flac")
    assert ran.returncode == 1
    assert (tmp_path / "song.flac").exists()
    told = ran.stderr.splitlines()
    assert len(told) == 3
    assert any(line.startswith(f"{text}: ") and line.endswith(".") for line in told)
    assert f"{tmp_path / 'missing.wav'}: There is no such file." in told
    assert f"{tmp_path}: This is a directory. Name the files in it." in told
    assert names(tmp_path) == {"song.wav", "song.flac", "text.mp3"}


def test_what_is_no_file_is_told_as_what_it_is(song: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    told = converted(tmp_path / "pipe.wav", Path("/dev/null"), "--to", "flac").stderr.splitlines()
    assert (
        sorted(each.partition(": ")[2] for each in told)
        == ["This is a pipe or a device. Save what comes from it as a file."] * 2
    )
    assert "Standard input" in converted("-", "--to", "flac").stderr


@pytest.mark.parametrize(
    ("wrong", "told"), [("song.mp3", "file's name"), ("song.wav", "is a file"), ("-", "output"), ("", "is empty")]
)
def test_results_go_into_a_directory_and_never_into_one_that_was_meant_as_a_file(
    song: Path, tmp_path: Path, wrong: str, told: str
) -> None:
    ran = subprocess.run(
        command(song, "--to", "mp3", "-o", wrong), capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (ran.returncode, told in " ".join(ran.stderr.split())) == (2, True)
    assert names(tmp_path) == {"song.wav"}


def test_what_cannot_be_read_stops_nothing_else(song: Path, tmp_path: Path) -> None:
    too_long = tmp_path / f"{'a' * 300}.wav"
    ran = converted(too_long, song, "--to", "flac")
    assert (ran.returncode, f"{too_long}: File name too long" in ran.stderr) == (1, True)
    assert (tmp_path / "song.flac").exists()
    ran = converted("--join", song, too_long, "--to", "flac")
    assert (ran.returncode, ran.stderr.startswith(f"{too_long}: File name too long")) == (1, True)


@pytest.mark.parametrize("also", [[], ["--join"]])
def test_a_file_without_permission_is_one_file_s_trouble(song: Path, tmp_path: Path, also: list[str]) -> None:
    closed = write(tmp_path / "closed.wav", music(0.3))
    closed.chmod(0)
    asked = command(song, closed, "--to", "flac", *also)
    ran = subprocess.run(
        [*(WITHOUT_PRIVILEGE if os.geteuid() == 0 else ()), *asked], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (1, f"{closed}: Permission denied ({closed}).\n")
    assert (tmp_path / "song.flac").exists() is not bool(also)


def test_nothing_is_replaced_unless_asked(song: Path, tmp_path: Path) -> None:
    old = tmp_path / "song.mp3"
    old.write_bytes(b"mine")
    ran = converted(song, "--to", "mp3")
    assert ran.returncode == 1
    assert old.read_bytes() == b"mine"
    assert f"{old} exists" in ran.stderr
    assert converted(song, "--to", "mp3", "--overwrite").returncode == 0
    assert probed(old)["codec_name"] == "mp3"


def test_a_source_is_never_replaced_by_its_result(song: Path) -> None:
    before = song.read_bytes()
    ran = converted(song, "--to", "wav", "--overwrite")
    assert ran.returncode == 1
    assert song.read_bytes() == before
    assert "would replace it" in ran.stderr


def test_no_source_is_replaced_by_the_result_of_another(song: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "song.flac", music(0.4))
    before = other.read_bytes()
    ran = converted(song, other, "--to", "flac", "--overwrite")
    assert (ran.returncode, "would replace it" in ran.stderr) == (1, True)
    assert other.read_bytes() == before


def test_no_source_is_replaced_by_what_joins_it(song: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "song (joined).wav", music(0.4))
    before = other.read_bytes()
    ran = converted("--join", song, other, "--to", "wav", "--overwrite")
    assert (ran.returncode, "would replace it" in ran.stderr) == (1, True)
    assert other.read_bytes() == before
    ran = converted("--join", song, tmp_path, "--to", "wav")
    assert (ran.returncode, "is a directory" in ran.stderr) == (1, True)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_name_that_is_not_utf_8_stops_nothing(song: Path, tmp_path: Path, options: list[str]) -> None:
    odd = song.rename(tmp_path / os.fsdecode(b"caf\xe9.wav"))
    other = write(tmp_path / "other.wav", music(0.4))
    ran = subprocess.run(
        command(odd, tmp_path / os.fsdecode(b"gone\xe9.wav"), other, "--to", "flac", *options),
        capture_output=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},  # as it is where the locale is UTF-8
    )
    assert (ran.returncode, b"Traceback" in ran.stderr) == (1, False)
    assert os.fsencode(tmp_path / os.fsdecode(b"gone\xe9.wav")) + b": There is no such file." in ran.stderr
    assert names(tmp_path) == {*(each + end for each in (odd.stem, "other") for end in (".wav", ".flac"))}
    if options:
        told = [json.loads(line) for line in ran.stdout.decode().splitlines()]
        assert str(odd) in {each["file"] for each in told}
    else:
        assert os.fsencode(odd) in ran.stdout


def test_two_sources_of_one_result_are_told_apart(song: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "song.flac", music(0.4))
    ran = converted(song, other, song, "--to", "mp3")
    assert ran.returncode == 1
    assert f"{other}: Its result would be song.mp3, as that of {song}" in ran.stderr
    assert (tmp_path / "song.mp3").exists()


def test_two_sources_of_one_result_are_told_apart_through_links(song: Path, tmp_path: Path) -> None:
    (real := tmp_path / "real").mkdir()
    (linked := tmp_path / "linked").symlink_to(real)
    first = song.rename(real / "song.wav")
    other = write(real / "song.flac", music(0.4))
    ran = converted(first, linked / other.name, linked / first.name, "--to", "mp3", "--overwrite")
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [
        f"{linked / other.name}: Its result would be song.mp3, as that of {first}. Convert one of them elsewhere."
    ]


def test_what_has_the_result_s_name_is_told_as_what_it_is(song: Path, tmp_path: Path) -> None:
    (result := tmp_path / "song.mp3").symlink_to("nowhere")
    assert converted(song, "--to", "mp3").stderr == f"{song}: {result} exists. To replace it, say --overwrite.\n"
    result.unlink()
    result.mkdir()
    ran = converted(song, "--to", "mp3", "--overwrite")
    assert (ran.returncode, f"{result} is a directory" in ran.stderr) == (1, True)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--to", "mp4x"], "mp4x"),
        (["--to", "mp3", "--bit-rate", "loud"], " --bit-rate: “loud” is not a number."),
        (["--to", "flac", "--bit-rate", "128k"], " --bit-rate: "),
        (["--to", "mp3", "--silence-threshold", "-50"], "It belongs to --trim-silence or --split silence: "),
        (["--to", "mp3", "--tag", "=x"], " --tag: A tag's name"),
        (["--to", "wav", "--cue", "/dev/zero/no"], "--cue"),
        (["--to", "mp3", "--jobs", "0"], "--jobs"),
        (["--to", "mp3", "--tag", "title"], "--tag"),
        (["--to", "mp3", "--gain", "3", "--loudness", "-16"], "Give either --gain or --loudness, not both."),
        (["--to", "mp3", "--quality", "3", "--bit-rate", "128k"], "Give either --bit-rate or --quality (which"),
        (["--to", "mp3", "--trim-start", "3", "--trim-end", "2"], "--trim-end: "),
        ([], "--to"),
    ],
)
def test_a_wrong_call_converts_nothing(song: Path, tmp_path: Path, wrong: list[str], told: str) -> None:
    ran = converted(song, *wrong)
    assert ran.returncode == 2
    assert told in ran.stderr
    assert names(tmp_path) == {"song.wav"}


def test_a_batch_leaves_nothing_among_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    sources = [write(tmp_path / f"{number}.wav", music(0.2)) for number in range(4)]
    ran = converted(*sources, "--to", "flac", "--jobs", "1")
    assert ran.returncode == 0, ran.stderr
    assert names(temporary) == set()


def test_what_a_killed_command_leaves_goes_a_day_later(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", music(0.2))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".soundmill-work-link").symlink_to("elsewhere", target_is_directory=True)
    left = {name: tmp_path / f".soundmill-work-{name}" for name in ("old", "used", "fresh")}
    left["another's"] = tmp_path / ".soundmill-data"
    for each in left.values():
        each.mkdir()
        (each / "result.flac").write_bytes(b"half")
    for name in ("old", "used", "another's"):
        os.utime(left[name], (0, 0))
    used = os.open(left["used"], os.O_RDONLY)
    try:
        fcntl.flock(used, fcntl.LOCK_EX)
        ran = converted(source, "--to", "flac")
    finally:
        os.close(used)
    assert ran.returncode == 0, ran.stderr
    assert names(tmp_path) == {
        "a.wav",
        "a.flac",
        "elsewhere",
        ".soundmill-work-link",
        ".soundmill-work-used",
        ".soundmill-work-fresh",
        ".soundmill-data",
    }


@pytest.mark.parametrize(
    ("stop", "count"), [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 2), (signal.SIGHUP, 1)]
)
def test_who_is_stopped_leaves_nothing_behind(tmp_path: Path, stop: signal.Signals, count: int) -> None:
    long = np.tile(music(10, channels=1), (12, 1))
    sources = [write(tmp_path / f"{number}.flac", long) for number in range(count)]
    with subprocess.Popen(
        command(*sources, "--to", "mp3", "--quality", "0"),
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore it, and so would what the tests start there.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        try:
            until(lambda: any(any(work.iterdir()) for work in tmp_path.glob(".soundmill-work-*")))
            process.send_signal(stop)
            _, told = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 128 + stop
    assert told == ""
    assert names(tmp_path) == {each.name for each in sources}
