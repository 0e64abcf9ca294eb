"""Where the parts of a fleet run: all on loopback, or each in a network namespace with an address of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from tests.ports import free_network, free_port


class Hosts(Protocol):
    """Gives each part its address, and what to put before its command."""

    is_proxied: bool

    def address(self, name: str) -> tuple[str, int]:
        """The same for each question."""
        ...

    def prefix(self, name: str, *, unprivileged: bool = False) -> tuple[str, ...]:
        """Enters the host."""
        ...

    def cut_off(self, names: Iterable[str], target: str) -> None:
        """Let no packet of these parts reach ``target``."""
        ...

    def reconnect(self, names: Iterable[str], target: str) -> None:
        """Let them through again."""
        ...


class Loopback:
    """One host, a port each; parts reach each other through proxies that can be cut, or directly."""

    def __init__(self, *, is_proxied: bool = True) -> None:
        self.is_proxied = is_proxied
        self._ports: dict[str, int] = {}

    def address(self, name: str) -> tuple[str, int]:
        """See the protocol."""
        return "127.0.0.1", self._ports.setdefault(name, free_port())

    def prefix(self, name: str, *, unprivileged: bool = False) -> tuple[str, ...]:
        """Nothing to enter."""
        return ()

    def cut_off(self, names: Iterable[str], target: str) -> None:
        """Proxies do it here."""

    def reconnect(self, names: Iterable[str], target: str) -> None:
        """Proxies do it here."""


_PORTS = {"postgres": 5432, "redis": 6379, "api-1": 5000, "api-2": 5000}


class Namespaces:
    """One network namespace a part, joined by a bridge in this one, in a network of ``10.213.0.0/16``. Needs root."""

    is_proxied = False

    def __init__(self) -> None:
        number = free_network()
        self._tag = f"{number:02x}"
        self._network = f"10.213.{number}"
        self._numbers: dict[str, int] = {}
        run("ip", "link", "add", self._bridge, "type", "bridge")
        run("ip", "addr", "add", f"{self._network}.254/24", "dev", self._bridge)
        run("ip", "link", "set", self._bridge, "up")

    def address(self, name: str) -> tuple[str, int]:
        """See the protocol."""
        return f"{self._network}.{self._number(name)}", _PORTS[name]

    def prefix(self, name: str, *, unprivileged: bool = False) -> tuple[str, ...]:
        """See the protocol."""
        self._number(name)
        entered = ("ip", "netns", "exec", self._namespace(name))
        return (*entered, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups") if unprivileged else entered

    def cut_off(self, names: Iterable[str], target: str) -> None:
        """See the protocol. Nobody is told: what is sent there is lost, as behind a broken switch."""
        for name in names:
            run("ip", "-n", self._namespace(name), "route", "add", "blackhole", self.address(target)[0])

    def reconnect(self, names: Iterable[str], target: str) -> None:
        """See the protocol."""
        for name in names:
            run("ip", "-n", self._namespace(name), "route", "del", "blackhole", self.address(target)[0])

    def close(self) -> None:
        """Take it all away."""
        for name in self._numbers:
            run("ip", "netns", "del", self._namespace(name))
        run("ip", "link", "del", self._bridge)

    @property
    def _bridge(self) -> str:
        return f"sm{self._tag}"

    def _namespace(self, name: str) -> str:
        return f"sm{self._tag}-{name}"

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            number = self._numbers[name] = len(self._numbers) + 1
            namespace, ours, theirs = self._namespace(name), f"sm{self._tag}o{number}", f"sm{self._tag}t{number}"
            run("ip", "netns", "add", namespace)
            run("ip", "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", namespace)
            run("ip", "link", "set", ours, "master", self._bridge, "up")
            run("ip", "-n", namespace, "link", "set", "lo", "up")
            run("ip", "-n", namespace, "addr", "add", f"{self._network}.{number}/24", "dev", theirs)
            run("ip", "-n", namespace, "link", "set", theirs, "up")
        return self._numbers[name]


@contextmanager
def namespaces() -> Iterator[Namespaces]:
    """Hosts in network namespaces, gone afterwards."""
    made = Namespaces()
    try:
        yield made
    finally:
        made.close()


def run(*command: str) -> None:
    """Fails with what the command said."""
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{' '.join(command)}: {ran.stderr.strip()}")
