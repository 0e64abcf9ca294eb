"""A janitor whose storage goes away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from soundmill.app import App
from soundmill.settings import Settings
from tests.waiting import until


@pytest.mark.timeout(60)
def test_a_storage_that_goes_away_is_told_in_a_line_and_swept_when_it_is_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    App(Settings(data_dir=data)).prepare()
    log, leftover = tmp_path / "log", data / "files" / "ab" / ("ab" * 16)
    leftover.parent.mkdir(exist_ok=True)
    leftover.touch()
    environment = {
        **os.environ,
        "SOUNDMILL_DATA_DIR": str(data),
        "SOUNDMILL_FILE_SWEEP_INTERVAL": "0.1",
        "SOUNDMILL_ORPHAN_AGE": "0.1",
    }
    with log.open("wb") as stream:
        command = [sys.executable, "-m", "soundmill", "janitor"]
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
    try:
        until(lambda: not leftover.exists())
        mark = data / "storage-id"
        away = mark.rename(data / "away")
        until(lambda: "isn't the storage of this database" in log.read_text())
        leftover.touch()
        away.rename(mark)
        until(lambda: not leftover.exists())
        assert log.read_text().count("isn't the storage of this database") == 1
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()
