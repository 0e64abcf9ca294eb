"""Encoders side by side: processes that the job's own forks before it gives up forking, each confined for itself."""

from __future__ import annotations

import json
import os
import select
import signal
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import BinaryIO, Self

from soundmill.engine.confinement import confine_encoder, die_with_parent
from soundmill.engine.job import Limits
from soundmill.engine.pieces import (
    CodedPacket,
    Piece,
    encode_piece,
    read_packets,
    read_piece,
    write_packets,
    write_piece,
)
from soundmill.engine.plan import Plan
from soundmill.model.conversion import ConversionError, FailureCode

# Decoding is serial: more have nothing to do. Each takes two descriptors.
_MOST_ENCODERS = 16


@dataclass(slots=True)
class _Member:
    process: int
    work: BinaryIO
    results: BinaryIO
    is_busy: bool = False


class Crew:
    """Some processes that encode pieces. They see no file and no network, and end with the job."""

    def __init__(self, members: list[_Member]) -> None:
        self._members = members

    @classmethod
    def fork(cls, count: int, limits: Limits) -> Self:
        """``count`` encoders, sixteen at most. The calling process must have one thread, and not be confined yet."""
        return cls([_fork(limits, count) for _ in range(min(count, _MOST_ENCODERS))])

    def __len__(self) -> int:
        return len(self._members)

    def begin(self, plan: Plan) -> None:
        """Tell all what they will encode."""
        line = json.dumps(asdict(plan)).encode() + b"\n"
        for each in self._members:
            self._say(each, lambda work: work.write(line))

    def give(self, piece: Piece, on_result: Callable[[int, list[CodedPacket]], None]) -> None:
        """Have a piece encoded by the first that is idle; ``on_result`` gets what becomes ready while waiting for it."""
        while not (idle := [each for each in self._members if not each.is_busy]):
            self.wait(on_result)
        idle[0].is_busy = True
        self._say(idle[0], lambda work: write_piece(work, piece))

    def wait(self, on_result: Callable[[int, list[CodedPacket]], None]) -> bool:
        """Wait for results, which may come in any order; False when nothing is being encoded."""
        busy = {each.results.fileno(): each for each in self._members if each.is_busy}
        if not busy:
            return False
        poll = select.poll()
        for descriptor in busy:
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll():
            member = busy[descriptor]
            try:
                first, packets = read_packets(member.results)
            except EOFError:
                raise _death(member) from None
            member.is_busy = False
            on_result(first, packets)
        return True

    def close(self) -> None:
        """End them. One that is still encoding notices when it is done; the whole group is killed with the job."""
        for each in self._members:
            each.work.close()
            each.results.close()

    def _say(self, member: _Member, write: Callable[[BinaryIO], object]) -> None:
        try:
            write(member.work)
            member.work.flush()
        except BrokenPipeError:
            raise _death(member) from None


def _fork(limits: Limits, count: int) -> _Member:
    work_readable, work_writable = os.pipe()
    results_readable, results_writable = os.pipe()
    job = os.getpid()
    process = os.fork()
    if process:
        os.close(work_readable)
        os.close(results_writable)
        return _Member(process, open(work_writable, "wb"), open(results_readable, "rb"))
    status = 1
    try:
        die_with_parent(job)
        _close_all_but(work_readable, results_writable)
        confine_encoder(limits, count)
        with open(work_readable, "rb") as work, open(results_writable, "wb") as results:
            _serve(work, results)
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may escape into the job's code
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _close_all_but(*kept: int) -> None:
    """Keep the log too. Ends of others' pipes would keep those from noticing an end."""
    start = 3
    for each in (*sorted(kept), os.sysconf("SC_OPEN_MAX")):
        os.closerange(start, each)
        start = each + 1


def _serve(work: BinaryIO, results: BinaryIO) -> None:
    line = work.readline()
    if not line:
        return
    values = json.loads(line)
    plan = Plan(**{**values, "muxer_options": (), "losses": ()})
    while (piece := read_piece(work)) is not None:
        write_packets(results, piece.first, encode_piece(plan, piece))


def _death(member: _Member) -> ConversionError:
    _, status = os.waitpid(member.process, 0)
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number == signal.SIGXCPU:
        return ConversionError(FailureCode.CPU_LIMIT, "The conversion took more processor time than is allowed.")
    return ConversionError(
        FailureCode.CRASHED,
        "The conversion crashed; this file may be built to do that.",
        retryable=True,
        detail_for_log=f"an encoder ended, status {os.waitstatus_to_exitcode(status)}",
    )
