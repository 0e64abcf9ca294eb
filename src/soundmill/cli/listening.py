"""Where the API listens: looked at before anything is started, since what the server itself says of it is a traceback."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import NamedTuple

from soundmill.model.errors import ConfigurationError

_PREDECESSORS_END = timedelta(seconds=10)
_ASKED_EVERY_SECONDS = 0.1
_ANSWER_SECONDS = 1.0


class Endpoint(NamedTuple):
    """An IP address in digits, and a port that isn't 0."""

    address: str
    port: int


def checked_endpoint(host: str, port: int, patience: timedelta = _PREDECESSORS_END) -> Endpoint:
    """Where a server that shares its port with itself can listen; ``port`` 0 gives a free one.

    Processes of a server that was killed have ``patience`` to end. Who still listens then is another one: the kernel would share out
    requests between both (``SO_REUSEPORT``, socket(7)).

    Raises ``ConfigurationError`` when the host is not of this machine or another program has the port.
    """
    waits_until = time.monotonic() + patience.total_seconds()
    with _bound(host, port, shared=True) as endpoint:
        while _is_listened_on(endpoint):
            if time.monotonic() >= waits_until:
                raise _refusal(host, port, os.strerror(errno.EADDRINUSE))
            time.sleep(_ASKED_EVERY_SECONDS)
        return endpoint


@contextmanager
def held_endpoint(host: str, port: int) -> Iterator[Endpoint]:
    """As :func:`checked_endpoint`, but alone there, and the port is kept meanwhile, so that the API can be started again.

    Only a process of the same user that asks to share the port gets it beside this one.
    """
    with _bound(host, port, shared=False) as endpoint:
        yield endpoint


@contextmanager
def _bound(host: str, port: int, *, shared: bool) -> Iterator[Endpoint]:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        holder = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _refusal(host, port, error.strerror) from error
    with closing(holder):
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
            holder.bind(where)
        except OSError as error:
            raise _refusal(host, port, error.strerror) from error
        # Never listened on: it takes no connections from the server that does.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield Endpoint(*holder.getsockname()[:2])


def _is_listened_on(endpoint: Endpoint) -> bool:
    try:
        socket.create_connection(endpoint, _ANSWER_SECONDS).close()
    except TimeoutError:
        pass  # it takes no connections now, but nobody refused this one
    except OSError:
        return False
    return True


def _refusal(host: str, port: int, reason: str | None) -> ConfigurationError:
    return ConfigurationError(f"Can't listen on {host} port {port}: {reason}. Choose another with --host and --port.")
