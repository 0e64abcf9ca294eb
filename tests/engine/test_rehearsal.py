"""The rehearsal before a server's first fork: it leaves nothing behind, and nothing depends on it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from soundmill.engine.serving.rehearsal import rehearse

# In a process of its own, whose threads and open files are its own.
REHEARSE = """
from pathlib import Path
from soundmill.engine.serving.rehearsal import rehearse

def count():
    return [len(list(Path("/proc/self", kind).iterdir())) for kind in ("task", "fd")]

before = count()
rehearse()
print(before, count())
"""
KILLED = """
import os
from soundmill.engine.serving import rehearsal
rehearsal.convert = lambda job, on_progress: os._exit(1)
rehearse()
"""


def test_a_rehearsal_leaves_nothing_behind_not_even_of_one_that_was_killed(tmp_path: Path) -> None:
    killed = REHEARSE.replace("rehearse()\n", KILLED)
    surroundings = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", killed], env=surroundings, check=False)
    assert list(tmp_path.iterdir())
    ran = subprocess.run([sys.executable, "-c", REHEARSE], env=surroundings, capture_output=True, text=True, check=True)
    before, after = re.findall(r"\[.*?\]", ran.stdout)
    assert after == before
    assert not list(tmp_path.iterdir())


def test_without_a_directory_for_temporary_files_there_is_no_rehearsal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    rehearse()
