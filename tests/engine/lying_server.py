"""A warm server whose conversions say what stands in their source, as hijacked ones could; of real sound they convert it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from soundmill.engine.job import Job
from soundmill.engine.parallel.crew import Crew
from soundmill.engine.processes import forked
from soundmill.engine.processes.control import line
from soundmill.engine.processes.forked import Say
from soundmill.engine.serving import resident, server
from soundmill.engine.serving.told import convert_and_tell


def _lie(job: Job, say: Say, confined: Callable[[], Crew | None] = lambda: None) -> None:
    crew = confined()
    said = job.source.read_bytes()
    if said.startswith(b"RIFF"):
        convert_and_tell(job, say, lambda: crew)
    else:
        say({"lie": said.decode()})


def _line(message: dict[str, Any]) -> bytes:
    return message["lie"].encode() if "lie" in message else line(message)


for module in (server, resident):
    module.convert_and_tell = _lie  # type: ignore[attr-defined]
forked.line = _line  # type: ignore[attr-defined]

if __name__ == "__main__":
    server.main(int(sys.argv[1]), int(sys.argv[2]))
