"""The Makefile tells a newcomer everything."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.__main__ import main as chaos
from tests.fidelity.__main__ import main as fidelity
from tests.seams.__main__ import main as seams

ROOT = Path(__file__).parents[2]


def test_help_lists_every_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert set(re.findall(r"^make (\S+) +\S", told, re.MULTILINE)) == targets
    assert {"setup", "deps", "run", "test", "lint", "format", "clean", "help"} <= targets


def test_ci_runs_the_same_checks_as_a_developer() -> None:
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("exec make test")


@pytest.mark.parametrize("check", [chaos, fidelity, seams])
def test_what_checks_nothing_does_not_say_that_all_holds(check: Callable[[list[str]], int]) -> None:
    with pytest.raises(SystemExit, match="mistyped"):
        check(["mistyped"])
