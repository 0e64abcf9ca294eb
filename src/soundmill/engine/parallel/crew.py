"""Processes that work for one conversion side by side: its own forks them before it gives up forking, each confined for itself."""

from __future__ import annotations

import os
import select
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from mmap import MADV_DONTNEED, mmap
from typing import BinaryIO, NamedTuple, Self

from soundmill.engine.job import Limits
from soundmill.engine.parallel.lent import Lent
from soundmill.engine.parallel.pieces import PieceEncoder
from soundmill.engine.parallel.stretches import StretchDecoder
from soundmill.engine.processes.messages import Message, moved, receive, send
from soundmill.engine.sandbox import deaths
from soundmill.engine.sandbox.confinement import close_all_but, confine_encoder, die_with_parent
from soundmill.model.conversion import ConversionError

# What hands out the work is one process: more have nothing to do. Each takes two descriptors.
_MOST_MEMBERS = 16
# A pipe copies sound twice, into new pages each time. Together they are small beside the memory that a conversion may have.
_AREAS_BYTES, _LARGEST_AREA_BYTES = 144 << 20, 26 << 20


class Area(NamedTuple):
    """Memory that all of a crew see."""

    number: int
    memory: mmap


@dataclass(slots=True)
class _Member:
    process: int
    work: BinaryIO
    results: BinaryIO
    is_busy: bool = False
    area: int | None = None
    """Where it reads and answers, while it is busy."""
    lent: int | None = None
    """The number of what it does although somebody else was given that, too."""


class Crew:
    """Some processes that encode or decode. They see no file and no network, and end with the job."""

    def __init__(self, members: list[_Member], areas: list[mmap], lent: Lent | None) -> None:
        self._members, self._areas, self._lent = members, areas, lent
        self._free = list(range(len(areas)))
        self.is_helped = False
        """True once somebody has come whom it :meth:`call`-ed."""

    @classmethod
    def fork(cls, count: int, limits: Limits, lent: Lent | None = None) -> Self:
        """``count`` members, sixteen at most; what they find no time for is ``lent``. The calling process must have one thread, and not be confined yet."""
        count = min(count, _MOST_MEMBERS)
        # One is filled while all others are read; another holds what is about to be lent.
        area_count = count + 1 if lent is None else count + 2
        areas = [mmap(-1, min(_LARGEST_AREA_BYTES, _AREAS_BYTES // area_count)) for _ in range(area_count)]
        return cls([_fork(limits, count, areas) for _ in range(count)], areas, lent)

    def __len__(self) -> int:
        return len(self._members)

    def call(self) -> None:
        """Have others come, if any are free."""
        if self._lent:
            self._lent.call()

    def looks_for_help(self) -> bool:
        """Whether somebody has come by now. Nothing may be lent yet."""
        self._hear(lambda result: None)
        self.is_helped = self.is_helped or self.hands > len(self)
        return self.is_helped

    @property
    def hands(self) -> int:
        """The members, and the seats of those who help them."""
        return len(self._members) + (self._lent.seats if self._lent else 0)

    @property
    def area_bytes(self) -> int:
        """The size of each area."""
        return len(self._areas[0])

    def begin(self, order: Message, *, lends: bool = False) -> None:
        """Tell all what they will do from now on. If it ``lends``, others may help until :meth:`lend_no_more`.

        What they still do is nothing that anybody waits for.
        """
        while any(each.is_busy for each in self._members):
            self.wait(lambda result: None)
        # Not in an area: nobody answers an order, so what is filled in next would overwrite it unread.
        for each in self._members:
            self._say(each, order)
        if lends and self._lent:
            self._lent.open(order)

    def lend_no_more(self) -> None:
        """Nobody else need help; what they haven't answered is forgotten."""
        if self._lent:
            self._lent.close()

    def area(self, on_result: Callable[[Message], None]) -> Area:
        """One to fill, and then to :meth:`give`; not more than one at a time. ``on_result`` gets what becomes ready while waiting for it."""
        while not self._free:
            self.wait(on_result)
        number = self._free.pop()
        return Area(number, self._areas[number])

    def give(self, work: Message, on_result: Callable[[Message], None], area: Area | None = None) -> None:
        """Have something done by the first that is idle. Its parts stand at the begin of ``area`` already, if there is one."""
        while (member := self._idle()) is None:
            self._hear(on_result)
            if self._lent is not None and self._lent.take(work):
                if area is not None:
                    self._free.append(area.number)
                return
            self.wait(on_result)
        if area is not None:
            work = work._replace(area=area.number)
        elif work.parts:
            work = self._placed(work, self.area(on_result).number)
        self._start(member, work)

    def wait(self, on_result: Callable[[Message], None]) -> bool:
        """Wait for results, which may come in any order; False when nobody is at work.

        It is called when there is nothing else to do: so idle members do what is lent and not answered yet.
        """
        self._catch_up()
        busy = {each.results.fileno(): each for each in self._members if each.is_busy}
        if not busy and not (self._lent and self._lent.is_out):
            return False
        poll = select.poll()
        for descriptor in busy:
            poll.register(descriptor, select.POLLIN)
        if self._lent and self._lent.descriptor is not None:
            poll.register(self._lent.descriptor, select.POLLIN)
        for descriptor, _ in poll.poll():
            if descriptor in busy:
                self._take(busy[descriptor], on_result)
            else:
                self._hear(on_result)
        return True

    def close(self) -> None:
        """End them. One that is still at work notices when it is done; the whole group is killed with the job."""
        for each in self._members:
            each.work.close()
            each.results.close()

    def _idle(self) -> _Member | None:
        return next((each for each in self._members if not each.is_busy), None)

    def _start(self, member: _Member, work: Message, lent: int | None = None) -> None:
        member.is_busy, member.area, member.lent = True, work.area, lent
        self._say(member, work)

    def _catch_up(self) -> None:
        while self._lent and (member := self._idle()) and (left_over := self._lent.left_over()):
            number, work = left_over
            if self._free:
                work = self._placed(work, self._free.pop())
            self._start(member, work, number)

    def _placed(self, work: Message, area: int) -> Message:
        """In this area, if it finds room there."""
        placed = moved(work, area, self._areas[area])
        if placed.area is None:
            self._free.append(area)
        return placed

    def _hear(self, on_result: Callable[[Message], None]) -> None:
        if self._lent:
            for result in self._lent.heard():
                on_result(result)

    def _take(self, member: _Member, on_result: Callable[[Message], None]) -> None:
        try:
            result = receive(member.results, self._areas)
        except EOFError:
            result = None
        if result is None:
            raise _death(member)
        member.is_busy = False
        if result.area is not None:
            result = Message(result.head, [bytearray(part) for part in result.parts])
        if member.area is not None:
            self._free.append(member.area)
        if member.lent is None or (self._lent and self._lent.settle(member.lent)):
            on_result(result)

    def _say(self, member: _Member, message: Message) -> None:
        try:
            send(member.work, message)
        except BrokenPipeError:
            raise _death(member) from None


def _fork(limits: Limits, count: int, areas: Sequence[mmap]) -> _Member:
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
        close_all_but(work_readable, results_writable)
        confine_encoder(limits, count)
        with open(work_readable, "rb") as work, open(results_writable, "wb") as results:
            _serve(work, results, areas)
        status = 0
    except MemoryError:
        status = deaths.OUT_OF_MEMORY
    except (BrokenPipeError, EOFError):
        pass  # the job has ended before: there is nobody to be told
    except BaseException:  # noqa: BLE001 - nothing may escape into the job's code
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _serve(work: BinaryIO, results: BinaryIO, areas: Sequence[mmap]) -> None:
    do: Callable[[Message], Message] | None = None
    while (message := receive(work, areas)) is not None:
        if "plan" in message.head:
            do = PieceEncoder(message)
        elif "decoder" in message.head:
            do = StretchDecoder(message)
        elif do is not None:
            result, area = do(message), message.area
            if area is not None:
                result = moved(result, area, areas[area])  # what it had to read there is done with
                # It stays there for the job; all areas in each member would look like much memory, and reading costs few page faults.
                areas[area].madvise(MADV_DONTNEED)
            send(results, result)


def _death(member: _Member) -> ConversionError:
    _, status = os.waitpid(member.process, 0)
    code = os.waitstatus_to_exitcode(status)
    detail = f"a member of the crew ended, status {code}"
    return deaths.out_of_memory(detail) if code == deaths.OUT_OF_MEMORY else deaths.by_signal(max(0, -code), detail)
