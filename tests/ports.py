"""Ports for servers of the tests, given to nobody else between the choice and the start of the server."""

from __future__ import annotations

import random
import socket
from pathlib import Path

_LOWEST = 10_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""What the kernel gives to outgoing connections, and to whoever binds port 0 (ip(7))."""

_reservations: list[socket.socket] = []


def free_port() -> int:
    """One of loopback that nobody listens on, that isn't given by the kernel, and that no other run of tests is given while this
    process lives."""
    first, last = map(int, _EPHEMERAL.read_text().split())
    ports = range(_LOWEST, 65_536)
    # Where the kernel has all of them to give, any has to do.
    candidates = [port for port in ports if not first <= port <= last] or list(ports)
    random.shuffle(candidates)
    return next(port for port in candidates if _is_reserved(port) and _is_free(port))


def _is_reserved(port: int) -> bool:
    # A name that dies with its process, of the same network namespace as the port (unix(7), abstract sockets).
    reservation = socket.socket(socket.AF_UNIX)
    try:
        reservation.bind(f"\0soundmill-tests-port-{port}")
    except OSError:
        reservation.close()
        return False
    _reservations.append(reservation)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
