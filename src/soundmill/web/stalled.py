"""Connections on which nothing moves any more are ended.

Each request that waits for its body, and each answer that waits to be read, holds a thread of the server, which has no time-outs for
them: some dozens of clients that lost their network in the middle, or mean no good, would hold it for ever. But the kernel knows of
each connection for how long nothing has moved on it (tcp(7), ``TCP_INFO``).
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

_LOOKS_IN_PATIENCE = 8
_DESCRIPTORS = Path("/proc/self/fd")
_MILLISECONDS = timedelta(milliseconds=1)
# The beginning of “struct tcp_info” (linux/tcp.h): eight numbers of a byte, then of four bytes each.
_INFO = struct.Struct("@8B13I")
_LAST_DATA_SENT, _LAST_DATA_RECEIVED = 17, 19


def end_stalled_connections(patience: timedelta) -> None:
    """From now on, in a thread, those that this process has accepted and whose client neither sends what it owes nor takes anything for ``patience``.

    Where something was sent since the client sent last, or is being made for it, there is an answer on its way: such a connection may
    rest, but what takes longer than ``patience`` until its first byte is taken for a stalled one. Linux only; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        threading.Thread(target=_look_again_and_again, args=(patience,), name="stalled", daemon=True).start()


def _look_again_and_again(patience: timedelta) -> None:
    pause = threading.Event()
    while not pause.wait(patience.total_seconds() / _LOOKS_IN_PATIENCE):
        with suppress(OSError):  # no descriptor may be left to look with: the next look is another
            for connection in _accepted():
                with suppress(OSError):  # it may end meanwhile
                    _end_if_nobody_takes(connection, patience)
                    if _owes(connection, patience):
                        connection.shutdown(socket.SHUT_RDWR)


def _end_if_nobody_takes(connection: socket.socket, patience: timedelta) -> None:
    """By the kernel: what is sent and not taken (RFC 5482), and a connection whose other end is gone (RFC 9293, section 3.8.4)."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience // _MILLISECONDS)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
        connection.setsockopt(socket.IPPROTO_TCP, option, max(1, round(patience.total_seconds() / _LOOKS_IN_PATIENCE)))


def _owes(connection: socket.socket, patience: timedelta) -> bool:
    info: tuple[int, ...] = _INFO.unpack(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size))
    received = info[_LAST_DATA_RECEIVED]
    return received * _MILLISECONDS > patience and info[_LAST_DATA_SENT] >= received


def _accepted() -> Iterator[socket.socket]:
    """A handle of each connection to a port on which this process listens, closed when the next is asked for."""
    ports = {each.getsockname()[1] for each in _tcp_sockets() if _is_listening(each)}
    yield from (each for each in _tcp_sockets() if each.getsockname()[1] in ports and not _is_listening(each))


def _is_listening(handle: socket.socket) -> bool:
    return bool(handle.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _tcp_sockets() -> Iterator[socket.socket]:
    for link in list(_DESCRIPTORS.iterdir()):
        try:
            descriptor = int(link.name)
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            handle = socket.socket(fileno=os.dup(descriptor))
        except OSError:  # it ended meanwhile
            continue
        with handle:
            if handle.family in {socket.AF_INET, socket.AF_INET6} and handle.type == socket.SOCK_STREAM:
                yield handle
