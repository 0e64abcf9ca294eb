"""A process that stays: small files of one account are converted by it, one after another.

A fork, the pages that are copied after it and the process's end take as long as the conversion of a clip does. What is given up for it, and
what isn't, is in ``docs/decisions/0022-small-files-of-one-account-share-a-process.md``.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from soundmill.engine.job import Job, Limits
from soundmill.engine.parallel.split import is_worth_a_crew
from soundmill.engine.processes.control import Control, line
from soundmill.engine.processes.forked import Forked, Say, fork
from soundmill.engine.sandbox.confinement import allow_processor_time, confine
from soundmill.engine.serving.relay import relay
from soundmill.engine.serving.rooms import Rooms, empty
from soundmill.engine.serving.told import convert_and_tell
from soundmill.model.conversion import FailureCode

IDLE_SECONDS = 5.0
"""It takes 10 to 25 MB of its own meanwhile."""

_LARGEST_SOURCE_BYTES = 1 << 20
_LARGEST_RESULT_BYTES = 32 << 20
# What takes longer is begun anew in a process of its own, where it has all the time that is allowed.
_LONGEST = timedelta(seconds=60)
_WORN_OUT_SECONDS = 10.0
# Smaller than a pipe: a process that doesn't read it blocks nobody.
_LONGEST_JOB_BYTES = 48 << 10
_SOURCE = "source"

_WORDS = frozenset({"progress", "report", "failure", "done"})
# A file's own fault. Whatever else a process tells that has converted others, or has less room and time, is found out in one of its own.
_OF_THE_FILE = frozenset(
    {
        FailureCode.UNSUPPORTED_INPUT,
        FailureCode.EMPTY_INPUT,
        FailureCode.NO_AUDIO,
        FailureCode.DAMAGED_INPUT,
        FailureCode.UNSUITABLE_OPTIONS,
    }
)


class Residence:
    """Where one such process lives at a time."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._rooms = Rooms()
        self._resident: _Resident | None = None
        self._last_account = ""

    @property
    def is_taken(self) -> bool:
        """True while there is one."""
        return self._resident is not None

    def converts(self, job: Job) -> bool:
        """True where ``job`` was seen to its end, of whatever kind; else nothing was said of it, and no process is left here."""
        # One file alone, or accounts in turns, gain nothing.
        is_next = job.account and job.account == self._last_account
        self._last_account = job.account
        try:
            last_words = self._last_words(job) if is_next and _is_small(job) else None
        except OSError:  # there may be no room for it, or no source
            last_words = None
        if last_words is None:
            self.end()
            return False
        self._control.pass_on(last_words)
        return True

    def end(self) -> None:
        """Of the process and all that it has."""
        if self._resident is not None:
            resident, self._resident = self._resident, None
            resident.forked.end()
            shutil.rmtree(resident.room, ignore_errors=True)

    def close(self) -> None:
        """Leave nothing behind."""
        self.end()
        self._rooms.close()

    def _last_words(self, job: Job) -> bytes | None:
        """What is said of ``job`` at its end; nothing where that isn't the last word."""
        if self._resident is None or not self._resident.may_convert(job):
            self.end()
            self._resident = _Resident.forked_for(job, self._rooms.new())
        resident = self._resident
        attempt = _Attempt(self._control)
        shutil.copyfile(job.source, resident.room / _SOURCE)
        resident.tell(job)
        why = relay(self._control, resident.forked, min(_LONGEST, job.limits.wall), _WORDS, attempt.hear)
        if why == "stopped":
            self.end()
            return line({"ended": why, "signal": 0})
        if why is not None or not attempt.is_over(is_first=not resident.has_converted):
            return None
        if attempt.has_result:
            _take_out(resident.room / job.result_path.name, job.result_path)
            empty(resident.room)
            resident.has_converted = True
        if not attempt.has_result or attempt.seconds > _WORN_OUT_SECONDS:
            self.end()
        return attempt.last_words()


@dataclass(slots=True)
class _Resident:
    forked: Forked
    room: Path
    account: str
    limits: Limits
    has_converted: bool = False

    @classmethod
    def forked_for(cls, job: Job, room: Path) -> _Resident:
        return cls(fork(partial(_reside, room, job.limits)), room, job.account, job.limits)

    def may_convert(self, job: Job) -> bool:
        return (self.account, self.limits) == (job.account, job.limits)

    def tell(self, job: Job) -> None:
        """Raises ``OSError`` where it has ended, or doesn't listen."""
        data = line(replace(job, source=self.room / _SOURCE, directory=self.room).as_dict())
        if len(data) > _LONGEST_JOB_BYTES or os.write(self.forked.told, data) < len(data):
            raise BlockingIOError


@dataclass(slots=True)
class _Attempt:
    """What is said of one job. Its end is held back until its result is where it was to be."""

    control: Control
    seconds: float = 0.0
    """Of processor time that the process has used by now."""
    _last_words: list[bytes] = field(default_factory=list)
    _failure: Any = None
    _has_report: bool = False

    def hear(self, said: Sequence[tuple[bytes, dict[str, Any]]]) -> bool:
        """See :data:`soundmill.engine.serving.relay.Hear`."""
        for each, message in said:
            if "done" in message:
                self.seconds = message["done"] if isinstance(message["done"], float) else math.inf
                return True
            if message.keys() == {"progress"}:
                self.control.pass_on(each + b"\n")
            else:
                self._last_words.append(each + b"\n")
                self._failure = message.get("failure", self._failure)
                self._has_report = self._has_report or "report" in message
        return False

    @property
    def has_result(self) -> bool:
        return self._has_report and self._failure is None

    def is_over(self, *, is_first: bool) -> bool:
        """True where what it said is the last word, of a process for which it was the first file or not."""
        if self._failure is None:
            return self._has_report
        # It may be anything, of a hijacked one.
        code = self._failure.get("code") if isinstance(self._failure, dict) else None
        return is_first and isinstance(code, str) and code in _OF_THE_FILE

    def last_words(self) -> bytes:
        return b"".join([*self._last_words, line({"ended": "by itself", "signal": 0})])


def _is_small(job: Job) -> bool:
    # Of what is split each piece may be as large as a result: together they know no limit there.
    if job.following or job.options.is_split or is_worth_a_crew(job):
        return False
    return job.source.stat().st_size <= _LARGEST_SOURCE_BYTES


def _take_out(made: Path, path: Path) -> None:
    """A copy of what was ``made``, at ``path``: that file no process has open any more. Raises ``OSError``."""
    try:
        shutil.copyfile(made, path, follow_symlinks=False)
        if path.stat(follow_symlinks=False).st_size != made.stat(follow_symlinks=False).st_size:
            raise OSError("it was changed meanwhile")
    except BaseException:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def _reside(room: Path, limits: Limits, say: Say, jobs: int) -> None:
    """In the process itself."""
    confine((), room, replace(limits, output_bytes=min(limits.output_bytes, _LARGEST_RESULT_BYTES)))
    with open(jobs, "rb") as told:
        for each in told:
            allow_processor_time(_LONGEST)
            convert_and_tell(Job.from_dict(json.loads(each)), say)
            say({"done": time.process_time()})
