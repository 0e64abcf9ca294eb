"""The warm server: has FFmpeg loaded, holds no secrets, and forks a confined process for each conversion.

Started by :class:`soundmill.engine.mill.Mill` with one end of a socket pair. Single-threaded, so that forking is safe. One line of
JSON a message: it gets ``{"job": …}`` and ``{"stop": true}``; it passes on what the conversion says (``{"progress": 0.5}``,
``{"report": …}``, ``{"failure": …}``) and ends each job with ``{"ended": …}`` once the process is gone.
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
from typing import Any

import av

from soundmill.engine.confinement import adopt_orphans, confine, die_with_parent
from soundmill.engine.convert import convert
from soundmill.engine.crew import Crew
from soundmill.engine.job import Job
from soundmill.engine.rehearsal import rehearse
from soundmill.engine.split import is_worth_a_crew
from soundmill.model.conversion import ConversionError, FailureCode

_LONGEST_MESSAGE_BYTES = 8 << 20
_READ_BYTES = 1 << 16
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
    with socket.socket(fileno=descriptor) as control, suppress(ConnectionError):
        control.sendall(b'{"ready": true}\n')
        with control.makefile("rb") as lines:
            for line in lines:
                message = json.loads(line)
                if "job" in message:
                    _serve(control, Job.from_dict(message["job"]))


def _load_everything() -> None:
    """PyAV and codecs of text are imported when they are first needed: too late for a process that can't open files any more."""
    for encoding in _ENCODINGS:
        codecs.lookup(encoding)
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _serve(control: socket.socket, job: Job) -> None:
    readable, writable = os.pipe()
    server = os.getpid()
    process = os.fork()
    if process == 0:
        os.close(readable)
        control.close()
        _run(job, writable, server)
    os.close(writable)
    try:
        why = _relay(control, readable, process, time.monotonic() + job.limits.wall.total_seconds())
    finally:
        os.close(readable)
        _kill(process)
        _, status = os.waitpid(process, 0)
        _reap_orphans()
    control.sendall(
        _line({"ended": why or "by itself", "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0})
    )


def _relay(control: socket.socket, conversion: int, process: int, deadline: float) -> str | None:
    """Pass on the conversion's lines until it ends; says why it must be killed, if it must."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(conversion, select.POLLIN)
    relayed = 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return "time limit"
        ready = [descriptor for descriptor, _ in poll.poll(left * 1000)]
        if control.fileno() in ready:
            # The only word during a job is "stop"; silence for good means that nobody wants the result.
            control.recv(_READ_BYTES)
            return "stopped"
        if conversion in ready:
            data = os.read(conversion, _READ_BYTES)
            relayed += len(data)
            if not data:
                return None
            if relayed > _LONGEST_MESSAGE_BYTES:
                return "talked too much"
            control.sendall(data)


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


def _run(job: Job, descriptor: int, server: int) -> None:
    """In the forked process: confine, convert, report, and leave without a trace."""
    status = 1
    try:
        die_with_parent(server)
        os.setsid()
        # Afterwards it can't fork any more.
        crew = Crew.fork(job.encoders, job.limits) if is_worth_a_crew(job) else None
        say = _speaker(descriptor)
        confine(job.sources, job.directory, job.limits)
        _convert(job, say, crew)
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may escape into the server's loop
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _convert(job: Job, say: Callable[[dict[str, Any]], None], crew: Crew | None) -> None:
    try:
        report = convert(job, lambda fraction: say({"progress": fraction}), crew)
    except ConversionError as error:
        say({"failure": {**_failure(error), "detail": error.detail_for_log}})
    except MemoryError:
        say(
            {
                "failure": {
                    "code": FailureCode.MEMORY_LIMIT,
                    "message": "The conversion needs more memory than is allowed.",
                }
            }
        )
    else:
        say({"report": report.as_dict()})


def _failure(error: ConversionError) -> dict[str, Any]:
    failure = error.failure
    return {"code": failure.code, "message": failure.message, "retryable": failure.retryable}


def _speaker(descriptor: int) -> Callable[[dict[str, Any]], None]:
    def say(message: dict[str, Any]) -> None:
        data = memoryview(_line(message))
        while data:
            data = data[os.write(descriptor, data) :]

    return say


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
