"""A whole fleet on one machine: PostgreSQL, Redis, two APIs, two workers, a janitor and shared files, each a real process."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from sqlalchemy import CursorResult, create_engine, text

from tests.chaos.files import Files, SharedBucket, SharedDirectory
from tests.chaos.hosts import Hosts, Loopback
from tests.chaos.proxy import Proxy
from tests.servers import PostgresServer, RedisServer
from tests.waiting import until

LEASE_SECONDS = 4.0

SETTINGS = {
    "SOUNDMILL_LEASE": str(LEASE_SECONDS),
    "SOUNDMILL_RETRY_PAUSE": "0.3",
    "SOUNDMILL_MOST_TRIES": "5",
    "SOUNDMILL_SWEEP_INTERVAL": "0.5",
    "SOUNDMILL_FILE_SWEEP_INTERVAL": "1",
    # More than a stalled API takes from its rename to its commit: what is swept earlier would be an acknowledged upload.
    "SOUNDMILL_ORPHAN_AGE": "20",
    "SOUNDMILL_SCRATCH_AGE": "3",
    "SOUNDMILL_KEEP": "3600",
    "SOUNDMILL_STORAGE_PAUSE": "0.5",
    "SOUNDMILL_RING_AFTER": "1",
    "SOUNDMILL_DRAIN_SECONDS": "5",
    "SOUNDMILL_STORAGE_RESERVE": "0",
    "SOUNDMILL_API_THREADS": "16",
    "SOUNDMILL_WORKERS": "2",
    "SOUNDMILL_LOGIN_LIMIT": "1000/second",
    "SOUNDMILL_LOGIN_LIMIT_WIDE": "1000/second",
}


class Part:
    """One process of the fleet, started again by whoever stops it."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.environment = dict(environment)
        self._command = command
        self._log = log
        self._is_wanted = False
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **more: str) -> None:
        """Start it, with ``more`` in its environment this once."""
        self._is_wanted = True
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env={**self.environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def tree(self) -> list[psutil.Process]:
        """The process and all below it, outermost first; what ``ip netns exec`` starts takes its place."""
        if self._process is None:
            return []
        try:
            root = psutil.Process(self._process.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def signal_all(self, number: signal.Signals) -> None:
        """To each process of it, outermost first."""
        for each in self.tree():
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    def kill(self) -> None:
        """SIGKILL to the outermost alone: what it leaves behind must end by itself."""
        self._is_wanted = False
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self, seconds: float = 40) -> None:
        """SIGTERM; fails when it doesn't end."""
        self._is_wanted = False
        if self._process is not None:
            if self._process.poll() is None:
                self._process.terminate()
            self._process.wait(seconds)
            self._process = None

    def restart(self, **more: str) -> None:
        """Stop and start."""
        self.stop()
        self.start(**more)

    @property
    def has_ended(self) -> bool:
        """True when it was started, nobody stops it, and it isn't there any more."""
        return self._is_wanted and self._process is not None and self._process.poll() is not None

    def log(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""


class Cluster:
    """The parts by name: ``api-1``, ``api-2``, ``worker-1``, ``worker-2``, ``janitor``; and the servers."""

    def __init__(
        self, directory: Path, data: Path, hosts: Hosts, settings: Mapping[str, str], *, in_bucket: bool = False
    ) -> None:
        self.directory = directory
        self._settings = {**SETTINGS, **settings}
        self.data = data
        self.files: Files = SharedBucket(directory / "bucket") if in_bucket else SharedDirectory(data)
        self.hosts = hosts
        self.mark = secrets.token_hex(8)
        database = directory / "postgres"
        database.mkdir()
        self.postgres = PostgresServer(database, hosts.address("postgres"), hosts.prefix("postgres", unprivileged=True))
        self.redis = RedisServer(directory, hosts.address("redis"), hosts.prefix("redis"))
        self._api_addresses = {name: hosts.address(name) for name in ("api-1", "api-2")}
        # The workers reach the API and the broker through these, where the hosts are all one.
        self.to_api = Proxy(self._api_addresses["api-1"]) if hosts.is_proxied else None
        self.to_redis = Proxy(hosts.address("redis")) if hosts.is_proxied else None
        # And APIs and janitor the database.
        self.to_postgres = Proxy(hosts.address("postgres")) if hosts.is_proxied else None
        self.parts = {name: self._part(name) for name in ("api-1", "api-2", "worker-1", "worker-2", "janitor")}

    @property
    def api_urls(self) -> list[str]:
        """Of both APIs."""
        return [f"http://{host}:{port}" for host, port in self._api_addresses.values()]

    @property
    def workers(self) -> list[Part]:
        """Both."""
        return [self.parts["worker-1"], self.parts["worker-2"]]

    def start(self) -> None:
        """Everything; returns when both APIs are ready."""
        self.postgres.start()
        self.redis.start()
        self.files.start()
        for part in self.parts.values():
            part.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Both APIs answer that they can work."""
        for url in self.api_urls:
            until(lambda url=url: is_ready(url), seconds=60)  # type: ignore[misc]

    def stop(self) -> None:
        """In order: nothing may hang, nothing may be left."""
        for name in ("worker-1", "worker-2", "janitor", "api-1", "api-2"):
            self.parts[name].stop()
        self.files.stop()
        self.redis.kill()
        self.postgres.stop()

    @contextmanager
    def workers_cut_off_from(self, target: str) -> Iterator[None]:
        """Meanwhile no worker reaches ``api-1`` (the only one that workers know) or ``redis``."""
        proxy = {"api-1": self.to_api, "redis": self.to_redis}[target]
        workers = [part.name for part in self.workers]
        if proxy:
            proxy.cut()
        self.hosts.cut_off(workers, target)
        try:
            yield
        finally:
            self.hosts.reconnect(workers, target)
            if proxy:
                proxy.mend()

    def said(self, kind: str, words: str) -> bool:
        """Some part of that kind has it in its log."""
        return any(words in part.log() for name, part in self.parts.items() if name.startswith(kind))

    def strays(self) -> list[psutil.Process]:
        """Processes of this fleet that live though all of its parts were stopped."""
        found = []
        for each in psutil.process_iter():
            with suppress(psutil.Error):
                if self.mark in each.environ().get("PATH", "") and each.status() != psutil.STATUS_ZOMBIE:
                    found.append(each)
        return found

    @contextmanager
    def queries(self) -> Iterator[Callable[[str], CursorResult[Any]]]:
        """Runs SQL in the fleet's database, committed at the end."""
        engine = create_engine(self.postgres.url)
        try:
            with engine.begin() as connection:
                yield lambda statement: connection.execute(text(statement))
        finally:
            engine.dispose()

    def show_logs(self) -> None:
        """The ends of them, for whoever looks for the cause."""
        for part in self.parts.values():
            print(f"--- {part.name}\n{part.log()[-4000:]}", file=sys.stderr)

    def kill_everything(self) -> None:
        """At the end of a test that failed."""
        for part in self.parts.values():
            part.kill()
        for each in self.strays():
            with suppress(psutil.Error):
                each.kill()
        with suppress(Exception):
            self.files.stop()
        with suppress(Exception):
            self.redis.kill()
        with suppress(Exception):
            self.postgres.kill()

    def _part(self, name: str) -> Part:
        kind, _, _ = name.partition("-")
        command = [*self.hosts.prefix(name), sys.executable, "-m", "soundmill", kind]
        environment = {
            **{key: os.environ[key] for key in ("HOME", "LANG") if key in os.environ},
            **self._settings,
            # The mark by which strays are known: of the variables, PATH is passed on to the engines too.
            "PATH": f"{os.environ.get('PATH', os.defpath)}:/nonexistent/{self.mark}",
            **self.files.settings(name),
            "SOUNDMILL_BROKER_URL": self.redis.url,
        }
        if kind != "worker":
            url = self.to_postgres.database_url if self.to_postgres else self.postgres.url
            environment |= {"SOUNDMILL_DATABASE_URL": url, "SOUNDMILL_SECRET": self.mark * 4}
        if kind != "janitor":
            environment["SOUNDMILL_WORKER_SECRET"] = self.mark[::-1] * 4
        if kind == "api":
            host, port = self._api_addresses[name]
            command += ["--host", host, "--port", str(port)]
        if kind == "worker":
            host, port = self.to_api.address if self.to_api else self._api_addresses["api-1"]
            environment |= {"SOUNDMILL_API_URL": f"http://{host}:{port}"}
            if self.to_redis:
                environment["SOUNDMILL_BROKER_URL"] = "redis://{}:{}/0".format(*self.to_redis.address)
        # Away from any .env of the project's.
        command = ["env", "-C", str(self.directory), *command]
        return Part(name, command, environment, self.directory / f"{name}.log")


def is_ready(url: str) -> bool:
    """It says that it can work."""
    try:
        return httpx.get(f"{url}/health/ready", timeout=5).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def running_cluster(
    hosts: Hosts | None = None,
    data: Path | None = None,
    settings: Mapping[str, str] | None = None,
    *,
    in_bucket: bool = False,
) -> Iterator[Cluster]:
    """A fleet, started; whatever happens, nothing of it is left. ``settings`` are variables that stand over :data:`SETTINGS`."""
    with tempfile.TemporaryDirectory(prefix="soundmill-chaos-", dir="/tmp") as name:
        directory = Path(name)
        directory.chmod(0o755)
        shared = data or directory / "data"
        cluster = Cluster(directory, shared, hosts or Loopback(), settings or {}, in_bucket=in_bucket)
        try:
            cluster.start()
            yield cluster
        except BaseException:
            cluster.show_logs()
            raise
        finally:
            cluster.kill_everything()
            for proxy in (cluster.to_api, cluster.to_redis, cluster.to_postgres):
                if proxy:
                    proxy.close()
