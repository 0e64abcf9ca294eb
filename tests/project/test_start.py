"""What a process loads before it works: all of soundmill would cost it a second more."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "unneeded"),
    [
        ("soundmill.cli", {"sqlalchemy", "flask", "celery", "av"}),
        ("soundmill.daemons", {"flask", "celery", "alembic", "av", "numpy"}),
        ("soundmill.web.server", {"flask", "celery", "alembic", "av", "numpy"}),
        ("soundmill.web.serving", {"celery", "alembic", "av", "numpy"}),
    ],
)
def test_a_process_loads_only_what_it_needs(module: str, unneeded: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert module in loaded
    assert not unneeded & set(loaded)
