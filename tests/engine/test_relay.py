"""A server waits for nobody longer than is allowed."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from soundmill.engine.processes.control import Control
from soundmill.engine.processes.forked import Forked
from soundmill.engine.serving.relay import relay


def test_who_takes_back_what_it_said_keeps_nobody_waiting() -> None:
    said, speaks = os.pipe()
    hears, told = os.pipe()
    ours, theirs = socket.socketpair()

    class Interrupted(Control):
        """Hears of something between the look at what was said and the reading of it."""

        def heard(self) -> Iterator[dict[str, Any]]:
            os.read(said, 1)
            return super().heard()

    os.write(speaks, b"x")
    theirs.sendall(b'{"news": {}}\n')
    try:
        wall = timedelta(seconds=0.1)
        assert relay(Interrupted(ours), Forked(0, said, told), wall, frozenset(), lambda said: False) == "time limit"
    finally:
        for each in (said, speaks, hears, told):
            os.close(each)
        ours.close()
        theirs.close()
