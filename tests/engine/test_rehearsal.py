"""The rehearsal before a server's first fork: it leaves nothing behind, and nothing depends on it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from soundmill.engine.rehearsal import rehearse


def count(kind: str) -> int:
    """Of this process's threads or open files."""
    return len(list(Path("/proc/self", kind).iterdir()))


def test_a_rehearsal_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = count("task"), count("fd")
    rehearse()
    assert (count("task"), count("fd")) == before
    assert not list(tmp_path.iterdir())


def test_without_a_directory_for_temporary_files_there_is_no_rehearsal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    rehearse()
