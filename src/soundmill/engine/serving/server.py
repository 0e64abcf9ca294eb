"""The warm server: has FFmpeg loaded, holds no secrets, and forks a confined process for each conversion, or for some small ones.

Started by :class:`soundmill.engine.serving.mill.Mill` with one end of a socket pair. Single-threaded, so that forking is safe. One line of
JSON a message: it gets ``{"job": …}`` or, of a conversion that runs elsewhere, ``{"piece": …}``, and meanwhile ``{"stop": true}`` and
``{"news": …}`` for the conversion; it passes on what that says (``{"progress": 0.5}``, ``{"help": …}``, ``{"report": …}``,
``{"failure": …}``) and ends each with ``{"ended": …}`` once the process is gone, or
waits for the next file of the same account (see :mod:`soundmill.engine.serving.resident`).
"""

from __future__ import annotations

import codecs
import importlib
import os
import pkgutil
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial
from typing import Any

import av

from soundmill.engine.job import Job, PieceJob
from soundmill.engine.parallel.crew import Crew
from soundmill.engine.parallel.lent import Lent
from soundmill.engine.parallel.parcels import answer_piece
from soundmill.engine.parallel.split import is_worth_a_crew
from soundmill.engine.processes.control import Control
from soundmill.engine.processes.forked import Say, fork
from soundmill.engine.sandbox.confinement import adopt_orphans, confine, confine_encoder, die_with_parent
from soundmill.engine.serving.rehearsal import rehearse
from soundmill.engine.serving.relay import relay
from soundmill.engine.serving.resident import IDLE_SECONDS, Residence
from soundmill.engine.serving.told import convert_and_tell
from soundmill.model.helping import LARGEST_PARCEL_BYTES

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
        with closing(Residence(control)) as residence:
            while not control.is_closed:
                if residence.is_taken and not control.hears_within(IDLE_SECONDS):
                    residence.end()
                for message in control.heard():
                    _do(message, control, residence)


def _do(message: dict[str, Any], control: Control, residence: Residence) -> None:
    if "job" in message:
        job = Job.from_dict(message["job"])
        if not residence.converts(job):
            _serve(control, job.limits.wall, partial(_run_job, job))
    elif "piece" in message:
        piece = PieceJob.from_dict(message["piece"])
        residence.end()
        _serve(control, piece.limits.wall, partial(_run_piece, piece))


def _load_everything() -> None:
    """PyAV and codecs of text are imported when they are first needed: too late for a process that can't open files any more."""
    for encoding in _ENCODINGS:
        codecs.lookup(encoding)
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _serve(control: Control, wall: timedelta, work: Callable[[Say, int], None]) -> None:
    forked, why, number = fork(work), None, 0
    try:
        why = relay(control, forked, wall, _WORDS, lambda said: _pass_on(control, said))
    finally:
        number = forked.end()
    control.say({"ended": why or "by itself", "signal": number})


def _pass_on(control: Control, said: Sequence[tuple[bytes, dict[str, Any]]]) -> bool:
    control.pass_on(b"".join([each + b"\n" for each, _ in said]))
    return False


def _run_job(job: Job, say: Say, news: int) -> None:
    """Confine, convert, report."""
    convert_and_tell(job, say, lambda: _confined(job, say, news))


def _confined(job: Job, say: Say, news: int) -> Crew | None:
    crew = None
    if is_worth_a_crew(job):
        may_lend = job.may_be_helped and job.limits.output_bytes >= LARGEST_PARCEL_BYTES
        # Afterwards it can't fork any more.
        crew = Crew.fork(job.encoders, job.limits, Lent(job.directory, news, say) if may_lend else None)
    confine(job.sources, job.directory, job.limits)
    return crew


def _run_piece(piece: PieceJob, say: Say, news: int) -> None:
    """Encode a piece of a conversion that runs elsewhere."""
    os.close(news)
    with piece.work.open("rb") as work, piece.answer.open("wb") as answer:
        confine_encoder(piece.limits, 1, LARGEST_PARCEL_BYTES)
        answer_piece(work, answer)
    say({"answered": True})


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
    # Who closes a mill waits for it: to take down the interpreter and all that is loaded takes a tenth of a second.
    os._exit(0)
