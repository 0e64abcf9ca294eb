"""A TCP proxy between two parts of the fleet, which can be cut, and which can lose the answers to a database's commits."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

# A simple query of PostgreSQL's protocol (its documentation, section 55.7): psycopg commits with one.
_COMMIT = b"COMMIT\0"


@dataclass(slots=True)
class Link:
    """One connection through a proxy."""

    client: socket.socket
    server: socket.socket
    is_mute: bool = False

    def break_off(self) -> None:
        for each in (self.client, self.server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class Proxy:
    """Forwards ``address`` to ``target``. While it is cut, connections break and new ones are refused or closed at once."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.lost_commits = 0
        self._cut = threading.Event()
        self._loses_every = 0
        self._commits = itertools.count(1)
        self._open: list[Link] = []
        self._lock = threading.Lock()
        self._is_closed = False
        self._acceptor = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._acceptor.start()

    @property
    def database_url(self) -> str:
        """SQLAlchemy's address of the PostgreSQL behind it."""
        host, port = self.address
        return f"postgresql+psycopg://postgres@{host}:{port}/postgres"

    def cut(self) -> None:
        """Break everything."""
        with self._lock:
            self._cut.set()
            for each in self._open:
                each.break_off()

    def mend(self) -> None:
        """Forward all again."""
        self._cut.clear()
        self._loses_every = 0

    def lose_commits(self, every: int) -> None:
        """Let each ``every``-th commit reach the database, and break the connection instead of giving its answer."""
        self._loses_every = every

    def close(self) -> None:
        """For good."""
        self._is_closed = True
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits there
        self._acceptor.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                if self._is_closed:
                    return
                continue  # the client gave up while it waited (ECONNABORTED)
            if self._cut.is_set():
                client.close()
                continue
            try:
                server = socket.create_connection(self._target, timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for each in (client, server):
                # Else each small answer waits 40 ms for an acknowledgement that the other side delays.
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(client, server)
            with self._lock:
                self._open.append(link)
                if self._cut.is_set():  # meanwhile
                    link.break_off()
            for pump in (self._to_server, self._to_client):
                threading.Thread(target=self._pump, args=(link, pump), daemon=True).start()

    def _pump(self, link: Link, pump: Callable[[Link], None]) -> None:
        with suppress(OSError):
            pump(link)
        link.break_off()
        with self._lock, suppress(ValueError):
            self._open.remove(link)
        with suppress(OSError):
            (link.client if pump == self._to_server else link.server).close()

    def _to_server(self, link: Link) -> None:
        while data := link.client.recv(1 << 16):
            if self._loses_every and _COMMIT in data and next(self._commits) % self._loses_every == 0:
                link.is_mute = True
            link.server.sendall(data)

    def _to_client(self, link: Link) -> None:
        while data := link.server.recv(1 << 16):
            if link.is_mute:
                self.lost_commits += 1
                return
            link.client.sendall(data)
