"""Figures of one process, or of several that count together in a directory (prometheus-client's multiprocess mode).

Each process adds to files of its own there, which outlive it: nothing that was counted is lost with a process that dies.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Metric, generate_latest, start_http_server, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from soundmill.adapters.metrics.merged import being_read
from soundmill.model.errors import ConfigurationError

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The library's variable, and the processes' way to tell each other."""
_PREFIX = "soundmill-figures-"
_YOUNG_SECONDS = 60.0
_RESERVED_BYTES = {"histogram": 1 << 20, "counter": 1 << 18, "gauge_livesum": 1 << 16}
"""A series takes about 200 bytes; an API with each route answered in each way has some two thousand."""

_log = structlog.get_logger()


@contextmanager
def shared_figures() -> Iterator[None]:
    """Meanwhile every process that is started from this one counts in one directory, which is gone at the end.

    Where an outer process has made one, that is it. Raises ``ConfigurationError``.
    """
    if os.environ.get(_DIRECTORY):
        yield
        return
    maker = os.getpid()
    _sweep()
    try:
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
    except OSError as error:
        raise ConfigurationError(f"There is no room for temporary files ({error.strerror}). Set TMPDIR.") from error
    os.environ[_DIRECTORY] = str(directory)
    with _locked(directory, fcntl.LOCK_SH):
        try:
            yield
        finally:
            if os.getpid() == maker:  # and not a fork of it
                del os.environ[_DIRECTORY]
                shutil.rmtree(directory, ignore_errors=True)


def _sweep() -> None:
    """Remove what makers left that were killed: nobody holds its lock. One that is just being made isn't old enough."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - directory.stat().st_mtime > _YOUNG_SECONDS:
                with _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    shutil.rmtree(directory)


@contextmanager
def _locked(directory: Path, how: int) -> Iterator[None]:
    """The lock ends with the process and its forks; systemd-tmpfiles leaves a locked directory alone, however old. Raises ``OSError``."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


class Figures:
    """One a process: where its metrics are registered, and how all are told."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._directory = os.environ.get(_DIRECTORY, "")
        if self._directory and _has_room(Path(self._directory)):
            _count_in_files()

    def text(self, *more: Collector) -> bytes:
        """Everything in Prometheus' text format, with what ``more`` collect now."""
        told = CollectorRegistry()
        told.register(_Counted(self.registry, self._directory))
        for each in more:
            told.register(each)
        return generate_latest(told)

    def serve(self, address: str, port: int) -> None:
        """Answer scrapes from a thread for as long as the process lives. Raises ``ConfigurationError``."""
        told = CollectorRegistry()
        told.register(_Counted(self.registry, self._directory))
        try:
            server, _ = start_http_server(port, address, told)
        except OSError as error:
            raise ConfigurationError(
                f"Can't serve metrics on {address} port {port}: {error.strerror}. Choose another SOUNDMILL_METRICS_PORT."
            ) from error
        # A child that outlives us would keep the port.
        os.register_at_fork(after_in_child=server.socket.close)


class _Counted(Collector):
    """The figures of this process, or of all that share its directory."""

    def __init__(self, registry: CollectorRegistry, directory: str) -> None:
        self._registry = registry
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        """See the library."""
        if not self._directory:
            return self._registry.collect()
        directory = Path(self._directory)
        _forget_dead(directory)
        counted: Collector = MultiProcessCollector(None, self._directory)  # type: ignore[no-untyped-call]
        with being_read(directory, _is_dead):
            return counted.collect()


def _forget_dead(directory: Path) -> None:
    """What a dead process held open, nobody holds any more; what it counted stays."""
    for file in directory.glob("gauge_live*_*.db"):
        process = int(file.stem.rpartition("_")[2])
        if _is_dead(process):
            with suppress(FileNotFoundError):  # another scrape was faster
                mark_process_dead(process, str(directory))  # type: ignore[no-untyped-call]


def _is_dead(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _has_room(directory: Path) -> bool:
    """Takes it. The library maps sparse files: a process that writes into one on a full disk is killed (SIGBUS)."""
    if sys.platform != "linux":
        return True
    made = {directory / f"{kind}_{os.getpid()}.db": size for kind, size in _RESERVED_BYTES.items()}
    try:
        for path, size in made.items():
            with path.open("a+b") as file:
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        _log.warning("this process counts by itself, and isn't asked", detail=str(error))
        for path in made:
            path.unlink(missing_ok=True)
        return False
    return True


@cache
def _count_in_files() -> None:
    # The library decides when it is first imported; by then the variable may not be there yet.
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
