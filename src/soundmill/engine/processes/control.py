"""The server's end of the socket to its :class:`soundmill.engine.serving.mill.Mill`: one line of JSON a message."""

from __future__ import annotations

import json
import select
import socket
from collections import deque
from collections.abc import Iterator
from typing import Any

_READ_BYTES = 1 << 16


class Control:
    """What was heard behind a message stays here: nothing is lost between one job and the next."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._rest = b""
        self._lines: deque[bytes] = deque()
        self.is_closed = False

    def fileno(self) -> int:
        """Readable when there is something to hear."""
        return self._socket.fileno()

    @property
    def has_heard(self) -> bool:
        """True where something waits here already: several messages may come at once."""
        return bool(self._lines)

    def hears_within(self, seconds: float) -> bool:
        """True once there is something to hear, or the other end is closed; False where nothing came for so long."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        return self.has_heard or bool(poll.poll(seconds * 1000))

    def heard(self) -> Iterator[dict[str, Any]]:
        """What came, waiting for it if need be; what is complete of that may be nothing. What isn't taken of it is given the next time."""
        if not self._lines:
            data = self._socket.recv(_READ_BYTES)
            if not data:
                self.is_closed = True
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._lines += lines
        while self._lines:
            yield json.loads(self._lines.popleft())

    def say(self, message: dict[str, Any]) -> None:
        """To the other end."""
        self.pass_on(line(message))

    def pass_on(self, lines: bytes) -> None:
        """What was said by a conversion."""
        self._socket.sendall(lines)


def line(message: dict[str, Any]) -> bytes:
    """As it goes over sockets and pipes."""
    return json.dumps(message).encode() + b"\n"
