"""What a forked process says is heard, and what is said to it meanwhile passed on, until it has said all or must be killed."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from soundmill.engine.processes.control import Control, line
from soundmill.engine.processes.forked import Forked

_LONGEST_MESSAGE_BYTES = 8 << 20
_READ_BYTES = 1 << 16

type Hear = Callable[[Sequence[tuple[bytes, dict[str, Any]]]], bool]
"""Gets lines as they came, and what stands in each; True when no more are expected."""


def relay(control: Control, forked: Forked, wall: timedelta, words: frozenset[str], hear: Hear) -> str | None:
    """Until ``forked`` ends or ``hear`` says so; else why it must be killed. It may say ``words``, and is told the news that come by ``control``."""
    deadline = time.monotonic() + wall.total_seconds()
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(forked.said, select.POLLIN)
    relayed, rest = 0, b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return "time limit"
        ready = [descriptor for descriptor, _ in poll.poll(0 if control.has_heard else left * 1000)]
        if control.has_heard or control.fileno() in ready:
            for message in control.heard():
                if "news" not in message:
                    return "stopped"
                # One that doesn't listen, or ends just now, needs none.
                with suppress(BlockingIOError, BrokenPipeError):
                    os.write(forked.told, line(message["news"]))
            if control.is_closed:  # nobody wants the result
                return "stopped"
        if forked.said in ready:
            try:
                data = os.read(forked.said, _READ_BYTES)
            except BlockingIOError:  # it took that back
                continue
            relayed += len(data)
            if not data:
                return None
            if relayed > _LONGEST_MESSAGE_BYTES:
                return "talked too much"
            *lines, rest = (rest + data).split(b"\n")
            understood = [(each, _understood(each)) for each in lines]
            said = [(each, message) for each, message in understood if message is not None and message.keys() <= words]
            if len(said) < len(lines):
                # It may make up that it has ended, and so that the next word is another's.
                return "said what isn't its to say"
            if said and hear(said):
                return None


def _understood(said: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(said)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
