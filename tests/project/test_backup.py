"""What the docs say of backups is enough to start from."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from soundmill.app import App
from soundmill.settings import Settings

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.mark.skipif(not shutil.which("sqlite3"), reason="the docs' command is sqlite3's")
def test_the_backup_of_a_running_service_is_a_data_directory(tmp_path: Path) -> None:
    commands = re.search(r"## Backup and restore.*?```sh\n(.*?)```", OPERATIONS.read_text(), re.DOTALL)
    assert commands is not None
    App(Settings(data_dir=tmp_path / "data")).prepare()
    subprocess.run(["bash", "-euc", commands[1]], cwd=tmp_path, check=True, timeout=30)
    App(Settings(data_dir=tmp_path / "backup")).prepare()
    secrets = {(tmp_path / each / "secret").read_text() for each in ("data", "backup")}
    assert len(secrets) == 1
