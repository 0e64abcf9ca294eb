"""How many cores take part."""

from __future__ import annotations

from pathlib import Path

import pytest

from soundmill.engine.parallel.cores import cores, has_a_free_core, idle_cores


@pytest.mark.parametrize(("running", "idle"), [(1, cores()), (cores(), 1), (cores() + 1, 1), (100, 1), (0, cores())])
def test_what_runs_already_takes_no_part(tmp_path: Path, running: int, idle: int) -> None:
    (tmp_path / "loadavg").write_text(f"0.52 1.58 0.59 {running}/1231 3142\n")
    assert idle_cores(tmp_path / "loadavg") == idle


def test_a_system_that_does_not_say_has_no_idle_cores(tmp_path: Path) -> None:
    assert idle_cores(tmp_path / "missing") == 1
    (tmp_path / "odd").write_text("?")
    assert idle_cores(tmp_path / "odd") == 1


@pytest.mark.parametrize(("running", "is_free"), [(1, True), (cores(), True), (cores() + 1, False), (100, False)])
def test_who_helps_has_a_core_for_it(tmp_path: Path, running: int, *, is_free: bool) -> None:
    (tmp_path / "loadavg").write_text(f"0.52 1.58 0.59 {running}/1231 3142\n")
    assert has_a_free_core(tmp_path / "loadavg") is is_free


def test_a_system_that_does_not_say_has_no_free_core(tmp_path: Path) -> None:
    assert not has_a_free_core(tmp_path / "missing")
