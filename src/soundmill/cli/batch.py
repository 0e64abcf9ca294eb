"""Convert many files side by side, or a single long one on all cores, without a service."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic.alias_generators import to_camel

from soundmill.cli.work import work_directory
from soundmill.engine import Job, Limits, Mill, cores
from soundmill.model.conversion import ConversionStopped
from soundmill.model.errors import AlreadyTaken, SoundmillError
from soundmill.model.formats import TargetFormat
from soundmill.model.options import ConversionOptions
from soundmill.model.sound import ConversionReport
from soundmill.placing import move_to_free_name

# Whoever types the command; its files needn't be kept from each other.
_ACCOUNT = "command line"

type FileIdentity = tuple[int, int]
"""Device and number: the same for each name of one file."""


@dataclass(frozen=True, slots=True)
class Order:
    """What every file of a batch becomes, and where. ``directory`` is that of each source when it is ``None``."""

    target: TargetFormat
    options: ConversionOptions
    limits: Limits
    directory: Path | None = None
    overwrite: bool = False

    def result_of(self, source: Path) -> Path:
        """Where the result of ``source`` goes."""
        return (self.directory or source.parent) / f"{source.stem}.{self.options.extension_for(self.target)}"

    def trouble_with(self, result: Path, sources: AbstractSet[FileIdentity]) -> str:
        """Why ``result`` can't be made while ``sources`` are read; empty when it can. Raises ``OSError``."""
        try:
            result.lstat()
        except FileNotFoundError:
            return ""
        if result.is_dir():
            return f"{result} is a directory, and the result would have this name."
        if identities([result]) & sources:
            return f"{result} is a source, and the result would replace it. Say another directory with --output."
        return "" if self.overwrite else _exists(result)

    def publish(self, made: Path, result: Path) -> None:
        """Make it appear whole under its name. Raises ``AlreadyTaken``, or ``OSError`` that names ``result``."""
        with made.open("rb") as stream:
            os.fsync(stream.fileno())
        try:
            if self.overwrite:
                made.replace(result)
            else:
                move_to_free_name(made, result)
        except FileExistsError as error:
            raise AlreadyTaken(_exists(result)) from error
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.fspath(result)) from error


@dataclass(frozen=True, slots=True)
class Done:
    """One file's end: a ``result`` with its ``report``, or what was wrong."""

    source: Path
    result: Path | None = None
    report: ConversionReport | None = None
    trouble: str = ""

    def as_dict(self, target: TargetFormat) -> dict[str, Any]:
        """Plain values, for JSON, by the names that the HTTP API has for them."""
        told: dict[str, Any] = {
            "file": str(self.source),
            "newFormat": target.name,
            "status": "failed" if self.result is None else "processed",
        }
        if self.result is None or self.report is None:
            return {**told, "error": self.trouble}
        report = self.report
        return {
            **told,
            "source": camel_cased(report.source.as_dict()),
            "result": {
                "path": str(self.result),
                **camel_cased(report.result.as_dict()),
                "madeBy": {"versions": dict(report.versions), "settings": dict(report.settings)},
            },
            "notCarried": list(report.not_carried),
        }


class Batch:
    """Converts with ``jobs`` processes. ``on_progress`` is called from several threads with a source and 0 to 1."""

    def __init__(
        self, order: Order, jobs: int, open_mill: Callable[[], Mill], on_progress: Callable[[Path, float], None]
    ) -> None:
        self._order = order
        self._jobs = jobs
        self._open_mill = open_mill
        self._on_progress = on_progress
        self._encoders = 1
        self._sources: AbstractSet[FileIdentity] = frozenset()
        self._stopped = threading.Event()
        self._thread = threading.local()
        self._mills: list[Mill] = []

    def run(self, sources: Iterable[Path]) -> Generator[Done]:
        """Each file's end, as they come. When the caller closes it early (Ctrl-C), all conversions are killed."""
        with ThreadPoolExecutor(self._jobs) as pool:
            conversions: list[Future[Done]] = []
            try:
                yield from self._refused(wanted := _distinct(sources, self._order))
                self._sources = identities(source for source, _ in wanted)
                accepted = [source for source, rival in wanted if rival is None]
                # Several files fill the cores better than pieces of one do.
                self._encoders = max(1, cores() // max(1, min(self._jobs, len(accepted))))
                conversions += [pool.submit(self._convert, source) for source in accepted]
                for future in as_completed(conversions):
                    yield future.result()
            finally:
                self._stopped.set()
                wait([each for each in conversions if not each.cancel()])
                # Before the pool's threads end: a server is killed with the thread that started it, and would leave its files behind.
                wait([pool.submit(mill.close) for mill in self._mills])

    def _refused(self, wanted: list[tuple[Path, Path | None]]) -> Iterator[Done]:
        for source, rival in wanted:
            if rival is not None:
                name = self._order.result_of(source).name
                yield Done(
                    source, trouble=f"Its result would be {name}, as that of {rival}. Convert one of them elsewhere."
                )

    def _convert(self, source: Path) -> Done:
        try:
            return self._converted(source)
        except ConversionStopped:
            return Done(source, trouble="Stopped.")
        except SoundmillError as error:
            return Done(source, trouble=error.message)
        except OSError as error:
            return Done(source, trouble=sentence_of(error))

    def _converted(self, source: Path) -> Done:
        result = self._order.result_of(source)
        if trouble := trouble_with(source) or self._order.trouble_with(result, self._sources):
            return Done(source, trouble=trouble)
        with work_directory(result.parent) as directory:
            order = self._order
            job = Job(
                source.resolve(), directory, order.target, order.options, order.limits, self._encoders, account=_ACCOUNT
            )
            made = self._mill().convert(job, lambda fraction: self._tick(source, fraction))
            order.publish(made.path, result)
        return Done(source, result, made.report)

    def _tick(self, source: Path, fraction: float) -> bool:
        self._on_progress(source, fraction)
        return not self._stopped.is_set()

    def _mill(self) -> Mill:
        mill: Mill | None = getattr(self._thread, "mill", None)
        if mill is None:
            mill = self._thread.mill = self._open_mill()
            self._mills.append(mill)
        return mill


def trouble_with(source: Path) -> str:
    """Why it is no file to convert; empty when it is one. Raises ``OSError`` where it can't be read."""
    if source.is_dir():
        return "This is a directory. Name the files in it."
    if source.is_file():
        source.open("rb").close()
        return ""
    if source.exists():
        return "This is a pipe or a device. Save what comes from it as a file."
    if source == Path("-"):
        return "Standard input isn't read. Save what comes from it as a file."
    return "There is no such file."


def identities(files: Iterable[Path]) -> frozenset[FileIdentity]:
    """Of those that are there."""
    found = set()
    for each in files:
        with suppress(OSError):
            about = each.stat()
            found.add((about.st_dev, about.st_ino))
    return frozenset(found)


def sentence_of(error: OSError) -> str:
    """What was wrong, and with which file or directory if that is known."""
    about = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, str | bytes) else ""
    return f"{error.strerror or error}{about}."


def camel_cased(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The names of ``facts`` as JSON has them, of those inside, too; but for tags, whose names are their own."""

    def renamed(value: Any) -> Any:
        if isinstance(value, Mapping):
            return camel_cased(value)
        return [renamed(each) for each in value] if isinstance(value, (list, tuple)) else value

    return {to_camel(name): value if name == "tags" else renamed(value) for name, value in facts.items()}


def _distinct(sources: Iterable[Path], order: Order) -> list[tuple[Path, Path | None]]:
    """Each source once, with the earlier one that wants the same result."""
    takers: dict[Path, Path] = {}
    wanted: list[tuple[Path, Path | None]] = []
    for source in dict.fromkeys(sources):
        rival = takers.setdefault(_place_of(order.result_of(source)), source)
        if rival is source:
            wanted.append((source, None))
        elif not identities([source]) & identities([rival]):
            wanted.append((source, rival))
    return wanted


def _place_of(result: Path) -> Path:
    """The same for the same place, by whatever links it is reached."""
    try:
        return Path(os.path.realpath(result.parent), result.name)
    except FileNotFoundError:  # the working directory was removed
        return result


def _exists(result: Path) -> str:
    return f"{result} exists. To replace it, say --overwrite."
