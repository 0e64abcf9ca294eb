"""Ports for servers of the tests, and networks, given to nobody else between the choice and the start of the server."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator, Sequence
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
    return next(port for port in _reserved("port", candidates) if _is_free(port))


def free_network() -> int:
    """The number of a network of 256 addresses that no other run of tests is given while this process lives."""
    return next(_reserved("network", range(256)))


def _reserved(kind: str, numbers: Sequence[int]) -> Iterator[int]:
    """Any of these that nobody has, for as long as this process lives."""
    for number in random.sample(numbers, len(numbers)):
        # A name that dies with its process, of the same network namespace as what it stands for (unix(7), abstract sockets).
        reservation = socket.socket(socket.AF_UNIX)
        try:
            reservation.bind(f"\0soundmill-tests-{kind}-{number}")
        except OSError:
            reservation.close()
        else:
            _reservations.append(reservation)
            yield number


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
