"""The warm server: has FFmpeg loaded, holds no secrets, and forks a confined process for each conversion.

Started by :class:`soundmill.engine.mill.Mill` with one end of a socket pair. Single-threaded, so that forking is safe. One line of
JSON a message: it gets ``{"job": …}`` or, of a conversion that runs elsewhere, ``{"piece": …}``, and meanwhile ``{"stop": true}`` and
``{"news": …}`` for the conversion; it passes on what that says (``{"progress": 0.5}``, ``{"help": …}``, ``{"report": …}``,
``{"failure": …}``) and ends each with ``{"ended": …}`` once the process is gone.
"""

from __future__ import annotations

import codecs
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import av

from soundmill.engine.confinement import adopt_orphans, confine, confine_encoder, die_with_parent
from soundmill.engine.control import Control, line
from soundmill.engine.convert import convert
from soundmill.engine.crew import Crew
from soundmill.engine.deaths import out_of_memory
from soundmill.engine.job import Job, PieceJob
from soundmill.engine.lent import Lent, Say
from soundmill.engine.parcels import answer_piece
from soundmill.engine.rehearsal import rehearse
from soundmill.engine.split import is_worth_a_crew
from soundmill.model.conversion import ConversionError
from soundmill.model.helping import LARGEST_PARCEL_BYTES

_LONGEST_MESSAGE_BYTES = 8 << 20
_READ_BYTES = 1 << 16
_WORDS = frozenset({"progress", "help", "seat", "file", "report", "failure", "answered"})
# Those in which tags and the names in a ZIP are written.
_ENCODINGS = ("ascii", "latin-1", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp437")


def main(descriptor: int, parent: int) -> None:
    """Serve jobs until the other end of the socket is closed."""
    die_with_parent(parent)
    adopt_orphans()
    _load_everything()
    rehearse()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    # The other end may close before it is spoken to, or with something of ours unread: as good an end as any.
    with socket.socket(fileno=descriptor) as end, suppress(ConnectionError):
        control = Control(end)
        control.say({"ready": True})
        while not control.is_closed:
            for message in control.heard():
                if "job" in message:
                    job = Job.from_dict(message["job"])
                    _serve(control, job.limits.wall, partial(_run_job, job))
                elif "piece" in message:
                    piece = PieceJob.from_dict(message["piece"])
                    _serve(control, piece.limits.wall, partial(_run_piece, piece))


def _load_everything() -> None:
    """PyAV and codecs of text are imported when they are first needed: too late for a process that can't open files any more."""
    for encoding in _ENCODINGS:
        codecs.lookup(encoding)
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _serve(control: Control, wall: timedelta, run: Callable[[Say, int], None]) -> None:
    readable, writable = os.pipe()
    news_readable, news_writable = os.pipe()
    server = os.getpid()
    process = os.fork()
    if process == 0:
        os.close(readable)
        os.close(news_writable)
        control.close()
        _run(server, partial(run, _speaker(writable), news_readable))
    os.close(writable)
    os.close(news_readable)
    os.set_blocking(news_writable, False)
    try:
        why = _relay(control, readable, news_writable, time.monotonic() + wall.total_seconds())
    finally:
        os.close(readable)
        os.close(news_writable)
        _kill(process)
        _, status = os.waitpid(process, 0)
        _reap_orphans()
    control.say({"ended": why or "by itself", "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0})


def _relay(control: Control, conversion: int, news: int, deadline: float) -> str | None:
    """Pass on the conversion's lines until it ends, and ``news`` to it; says why it must be killed, if it must."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(conversion, select.POLLIN)
    relayed, rest = 0, b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return "time limit"
        ready = [descriptor for descriptor, _ in poll.poll(0 if control.has_heard else left * 1000)]
        if control.has_heard or control.fileno() in ready:
            for message in control.heard():
                if "news" not in message:
                    return "stopped"
                # One that doesn't listen, or ends just now, needs none.
                with suppress(BlockingIOError, BrokenPipeError):
                    os.write(news, line(message["news"]))
            if control.is_closed:  # nobody wants the result
                return "stopped"
        if conversion in ready:
            data = os.read(conversion, _READ_BYTES)
            relayed += len(data)
            if not data:
                return None
            if relayed > _LONGEST_MESSAGE_BYTES:
                return "talked too much"
            *lines, rest = (rest + data).split(b"\n")
            if any(not _may_say(each) for each in lines):
                return "said what isn't its to say"
            if lines:
                control.pass_on(b"\n".join([*lines, b""]))


def _may_say(said: bytes) -> bool:
    """False for what a hijacked conversion may make up: that it has ended, and so that the next word is another's."""
    try:
        message = json.loads(said)
    except (ValueError, RecursionError):
        return False
    return isinstance(message, dict) and message.keys() <= _WORDS


def _kill(process: int) -> None:
    for end in (os.killpg, os.kill):
        try:
            end(process, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _reap_orphans() -> None:
    """Encoders of a killed conversion were killed with its group, and became our children."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _run(server: int, work: Callable[[], None]) -> None:
    """In the forked process: work, and leave without a trace."""
    status = 1
    try:
        die_with_parent(server)
        os.setsid()
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may escape into the server's loop
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _run_job(job: Job, say: Say, news: int) -> None:
    """Confine, convert, report."""
    crew = None
    if is_worth_a_crew(job):
        may_lend = job.may_be_helped and job.limits.output_bytes >= LARGEST_PARCEL_BYTES
        # Afterwards it can't fork any more.
        crew = Crew.fork(job.encoders, job.limits, Lent(job.directory, news, say) if may_lend else None)
    confine(job.sources, job.directory, job.limits)
    _convert(job, say, crew)


def _run_piece(piece: PieceJob, say: Say, news: int) -> None:
    """Encode a piece of a conversion that runs elsewhere."""
    os.close(news)
    with piece.work.open("rb") as work, piece.answer.open("wb") as answer:
        confine_encoder(piece.limits, 1, LARGEST_PARCEL_BYTES)
        answer_piece(work, answer)
    say({"answered": True})


def _convert(job: Job, say: Say, crew: Crew | None) -> None:
    try:
        report = convert(job, lambda fraction: say({"progress": fraction}), crew)
    except ConversionError as error:
        say({"failure": {**_failure(error), "detail": error.detail_for_log}})
    except MemoryError:
        say({"failure": _failure(out_of_memory())})
    else:
        say({"report": report.as_dict()})


def _failure(error: ConversionError) -> dict[str, Any]:
    failure = error.failure
    return {"code": failure.code, "message": failure.message, "retryable": failure.retryable}


def _speaker(descriptor: int) -> Say:
    def say(message: dict[str, Any]) -> None:
        data = memoryview(line(message))
        while data:
            data = data[os.write(descriptor, data) :]

    return say


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
