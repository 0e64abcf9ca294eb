"""The engine's front door: one conversion at a time, in a confined process."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeGuard

from soundmill.engine.job import Job, PieceJob
from soundmill.engine.sandbox.confinement import gaps
from soundmill.engine.sandbox.deaths import by_signal, crash
from soundmill.model.conversion import ConversionError, ConversionStopped, FailureCode
from soundmill.model.errors import ConfigurationError
from soundmill.model.helping import Helpers, News
from soundmill.model.sound import ConversionReport

_TICK_SECONDS = 0.25
_HELPED_TICK_SECONDS = 0.1  # helpers take half a second for a piece
_READ_BYTES = 1 << 16
# What the server may know of our surroundings. Secrets are in none of these; COVERAGE_… is how tests measure it.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR", "COVERAGE_PROCESS_CONFIG")
_NO_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
# FFmpeg's FLAC encoder zeroes 6 MB when it is opened: in huge pages that is half of all page faults of a short clip, and a tenth of
# its processor time. glibc takes them where the kernel leaves it to programs ("madvise"), from 2.35 on; others ignore this.
_HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
_SERVER_MODULE = "soundmill.engine.serving.server"
_BY_ITSELF = "by itself"  # as the server says it
# What comes of reading what a hijacked conversion may say in place of a report or a failure.
_NONSENSE = (KeyError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True, slots=True)
class Converted:
    """A verified result: a file inside the job's directory, and what was found."""

    path: Path
    report: ConversionReport


class Mill:
    """Keeps a warm server process and has it convert one job at a time. For one thread.

    Raises ``ConfigurationError`` where the system can't confine conversions fully, unless ``allow_weak_sandbox``.
    """

    def __init__(self, *, allow_weak_sandbox: bool = False, one_process_per_file: bool = False) -> None:
        """``one_process_per_file`` also where small files of one account come one after another."""
        missing = gaps()
        if missing and not allow_weak_sandbox:
            raise ConfigurationError(
                f"Conversions can't be confined here: {'; '.join(missing)}. "
                "To convert all the same, set SOUNDMILL_ALLOW_WEAK_SANDBOX=1."
            )
        # What keeps the files of one account from those of another must be whole.
        self._may_share = not (missing or one_process_per_file)
        self._server: _Server | None = _Server()

    def convert(self, job: Job, on_tick: Callable[[float], bool], helpers: Helpers | None = None) -> Converted:
        """Convert and verify.

        ``on_tick`` gets the progress (0 to 1) about four times a second, also while there is none; when it gives False, or
        raises, the conversion is killed at once. ``helpers`` are those of a job that may be helped. Raises ``ConversionError``
        when there is no result, ``ConversionStopped`` when ``on_tick`` said so, and what ``on_tick`` raised.
        """
        helping = None if helpers is None else _Helping(job.directory, helpers)
        given = job if self._may_share else replace(job, account="")
        outcome = self._run({"job": given.as_dict()}, on_tick, helping)
        _raise_failure(outcome)
        if outcome.report is None:
            raise _death(outcome)
        try:
            return Converted(job.result_path, ConversionReport.from_dict(outcome.report))
        except _NONSENSE as error:
            raise crash(f"its report makes no sense: {error!r}") from error

    def encode_piece(self, piece: PieceJob, on_tick: Callable[[float], bool]) -> None:
        """Encode a piece of a conversion that runs elsewhere, in a process that sees nothing else. Raises as :meth:`convert` does."""
        outcome = self._run({"piece": piece.as_dict()}, on_tick)
        _raise_failure(outcome)
        if not outcome.is_answered:
            raise _death(outcome)

    def _run(
        self, message: dict[str, Any], on_tick: Callable[[float], bool], helping: _Helping | None = None
    ) -> _Outcome:
        server = self._server_that_is_well()
        try:
            return server.run(message, on_tick, helping)
        except BaseException:
            # Whatever went wrong, the next job begins with a server that is known to be well.
            if not server.idle:
                self.close()
            raise

    def close(self) -> None:
        """End the server and any conversion in it."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _server_that_is_well(self) -> _Server:
        if (
            self._server is not None and self._server.has_ended()
        ):  # killed while it was idle, by the system or an operator
            self.close()
        if self._server is None:
            self._server = _Server()
        return self._server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(slots=True)
class _Outcome:
    """What was said of one job."""

    report: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None
    ended: str = ""
    signal: int = 0
    wanted: bool = True
    is_answered: bool = False


class _Helping:
    """Passes on what a conversion says to those who help it, and what they say."""

    def __init__(self, directory: Path, helpers: Helpers) -> None:
        self._directory, self._helpers = directory, helpers
        self.is_open = self._was_open = False
        self._told = News()

    def hear(self, message: dict[str, Any]) -> None:
        """A word of the conversion, which may be anything."""
        word, seat, file = (message.get(name) for name in ("help", "seat", "file"))
        if word == "open" and not self._was_open:
            self.is_open = self._was_open = True
            self._helpers.open()
        elif word == "piece" and self.is_open and isinstance(seat, int) and _is_piece(file):
            self._helpers.give(seat, self._directory / file)
        elif word == "close":
            self.close()

    def news(self) -> dict[str, Any] | None:
        """For the conversion, where there are any."""
        if not self.is_open:
            return None
        news = self._helpers.news()
        if not news.answers and news.seats == self._told.seats:
            return None
        self._told = news
        return {"seats": news.seats, "answers": [(each.piece, each.path.name) for each in news.answers]}

    def close(self) -> None:
        """However it ended."""
        if self.is_open:
            self.is_open = False
            self._helpers.close()


def _fraction(told: object) -> float:
    """Of the conversion's, which may say anything."""
    return float(told) if isinstance(told, int | float) and 0 <= told <= 1 else 0.0


def _is_piece(file: object) -> TypeGuard[str]:
    return isinstance(file, str) and re.fullmatch(r"piece-[0-9]{1,9}", file) is not None


class _Server:
    """The process and our end of its socket."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _SERVER_MODULE, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                env=environment | _NO_THREADS | _HUGE_PAGES,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._socket = ours
        self._rest = b""
        self.idle = True

    def run(self, message: dict[str, Any], on_tick: Callable[[float], bool], helping: _Helping | None) -> _Outcome:
        """Everything that was said of what ``message`` asks for, once its process is gone."""
        self.idle = False
        outcome = _Outcome()
        fraction = 0.0
        ticked_at = time.monotonic()
        try:
            self._say(message)
            while not outcome.ended:
                for heard in self._heard(_HELPED_TICK_SECONDS if helping and helping.is_open else _TICK_SECONDS):
                    # What begins again, in pieces or in one, catches up with what it had done.
                    fraction = max(fraction, _fraction(heard.get("progress")))
                    _note(outcome, heard)
                    if helping and "help" in heard:
                        helping.hear(heard)
                if helping and outcome.wanted and (news := helping.news()):
                    self._say({"news": news})
                if outcome.wanted and time.monotonic() - ticked_at >= _TICK_SECONDS:
                    ticked_at = time.monotonic()
                    outcome.wanted = on_tick(min(1.0, max(0.0, fraction)))
                    if not outcome.wanted:
                        self._say({"stop": True})
        except (OSError, RecursionError) as error:
            raise crash(f"server: {error}") from error
        finally:
            if helping:
                helping.close()
        self.idle = True
        return outcome

    def has_ended(self) -> bool:
        """True when the process is gone."""
        return self._process.poll() is not None

    def close(self) -> None:
        """The closed socket makes the server kill its conversion; if it is stuck, it is killed and takes that along."""
        self._socket.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _say(self, message: dict[str, Any]) -> None:
        self._socket.settimeout(None)
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def _heard(self, timeout: float) -> Iterator[dict[str, Any]]:
        self._socket.settimeout(timeout)
        try:
            data = self._socket.recv(_READ_BYTES)
        except TimeoutError:
            return
        if not data:
            raise ConnectionError("it ended")
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield json.loads(line)


def _note(outcome: _Outcome, message: dict[str, Any]) -> None:
    outcome.report = message.get("report", outcome.report)
    outcome.failure = message.get("failure", outcome.failure)
    outcome.ended = message.get("ended", outcome.ended)
    outcome.signal = message.get("signal", outcome.signal)
    outcome.is_answered = message.get("answered", outcome.is_answered)


def _raise_failure(outcome: _Outcome) -> None:
    if not outcome.wanted:
        raise ConversionStopped("The conversion was stopped.")
    if outcome.failure is not None:
        raise _told_failure(outcome.failure)
    if outcome.ended == "time limit":
        raise ConversionError(FailureCode.TIME_LIMIT, "The conversion took longer than is allowed.")


def _told_failure(given: Mapping[str, Any]) -> ConversionError:
    try:
        return ConversionError(
            FailureCode(given["code"]),
            str(given["message"]),
            retryable=bool(given.get("retryable")),
            detail_for_log=str(given.get("detail", "")),
        )
    except _NONSENSE as error:
        return crash(f"it failed and said no sense: {error!r}")


def _death(outcome: _Outcome) -> ConversionError:
    detail = f"ended {outcome.ended}, signal {outcome.signal}"
    # Else it was its server that killed it, for what it said.
    return by_signal(outcome.signal, detail) if outcome.ended == _BY_ITSELF else crash(detail)
