"""A warm server whose conversions say what stands in their source, as hijacked ones could; of real sound they convert it."""

from __future__ import annotations

import sys
from typing import Any

from soundmill.engine import server
from soundmill.engine.control import line
from soundmill.engine.crew import Crew
from soundmill.engine.job import Job
from soundmill.engine.lent import Say

_convert = server._convert


def _lie(job: Job, say: Say, crew: Crew | None) -> None:
    said = job.source.read_bytes()
    if said.startswith(b"RIFF"):
        _convert(job, say, crew)
    else:
        say({"lie": said.decode()})


def _line(message: dict[str, Any]) -> bytes:
    return message["lie"].encode() if "lie" in message else line(message)


server._convert = _lie
server.line = _line  # type: ignore[attr-defined]

if __name__ == "__main__":
    server.main(int(sys.argv[1]), int(sys.argv[2]))
