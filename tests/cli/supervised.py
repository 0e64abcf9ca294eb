"""A supervisor over small stand-ins, as a program: ``python -m tests.cli.supervised DIRECTORY CHILD …``.

A child is ``name=behaviour``; each writes its process ids to ``DIRECTORY/name.pids``, one line a start, and what it does to
``DIRECTORY/events``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from soundmill.cli.child import ChildSpec
from soundmill.cli.supervisor import Supervisor
from soundmill.lifeline import die_with_supervisor


def main() -> None:
    directory, *children = sys.argv[1:]
    specs = [
        ChildSpec(
            name,
            (sys.executable, "-m", "tests.cli.supervised", "--child", directory, name, behaviour),
            {"STAND_IN": name},
            stops_first=name == "api",
        )
        for name, behaviour in (each.split("=") for each in children)
    ]
    note(directory, "supervisor started")
    supervisor = Supervisor(
        specs,
        drain=timedelta(seconds=float(os.environ.get("DRAIN", "20"))),
        say=lambda line: note(directory, f"said: {line}"),
        is_ready=lambda: all(has_told(Path(directory) / f"{spec.name}.pids") for spec in specs),
        on_ready=lambda: note(directory, "ready"),
    )
    sys.exit(supervisor.run())


def child(directory: str, name: str, behaviour: str) -> None:
    die_with_supervisor()
    signal.signal(signal.SIGTERM, lambda number, frame: stop(directory, name, behaviour))
    ids = [os.getpid()]
    if behaviour == "parent":
        ids.append(subprocess.Popen(["sleep", "1000"]).pid)
    note(directory, " ".join(map(str, ids)), to=f"{name}.pids")
    if behaviour.startswith("exits"):
        sys.exit(int(behaviour.removeprefix("exits")))
    while True:
        signal.pause()


def stop(directory: str, name: str, behaviour: str) -> None:
    note(directory, f"{name} stops")
    if behaviour != "stubborn":
        os._exit(0)


def has_told(path: Path) -> bool:
    return path.exists() and path.read_text().endswith("\n")


def note(directory: str, line: str, to: str = "events") -> None:
    with (Path(directory) / to).open("a") as stream:
        stream.write(line + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        child(*sys.argv[2:])
    else:
        main()
