"""Work of many threads for one account, carried out by one of them for all that wait: one lock, one commit."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Piece[W, R]:
    """One thread's work, and where its result or its error goes."""

    work: W
    done: Future[R] = field(default_factory=Future)


@dataclass(slots=True)
class _Line[W, R]:
    """Those of one account that wait: who has ``turn`` does the work of as many as it may."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    waiting: deque[Piece[W, R]] = field(default_factory=deque)
    threads: int = 0


class Batches[W, R]:
    """Has ``carry_out`` do what comes in for an account, up to ``most`` pieces at a time and one batch of an account after the other.

    Each of these transactions begins with the account's row: threads that waited for that in the database would hold a connection each,
    and commit one by one, of which each waits for the disk. ``carry_out`` gets the account's id and the pieces in the order in which they
    came, and settles each; what it raises is the error of all that it hasn't settled.
    """

    def __init__(self, carry_out: Callable[[int, Sequence[Piece[W, R]]], None], most: int) -> None:
        self._carry_out = carry_out
        self._most = most
        self._lock = threading.Lock()
        self._lines: defaultdict[int, _Line[W, R]] = defaultdict(_Line)

    def result(self, account_id: int, work: W) -> R:
        """What became of ``work``, as soon as it is settled; raises its error."""
        mine: Piece[W, R] = Piece(work)
        with self._lock:
            line = self._lines[account_id]
            line.waiting.append(mine)
            line.threads += 1
        try:
            while not mine.done.done():
                with line.turn:
                    if not mine.done.done():
                        self._settle(account_id, self._taken(line))
        finally:
            with self._lock:
                line.threads -= 1
                if not line.threads:
                    del self._lines[account_id]
        return mine.done.result()

    def _taken(self, line: _Line[W, R]) -> list[Piece[W, R]]:
        with self._lock:
            return [line.waiting.popleft() for _ in range(min(self._most, len(line.waiting)))]

    def _settle(self, account_id: int, pieces: Sequence[Piece[W, R]]) -> None:
        try:
            self._carry_out(account_id, pieces)
        except BaseException as error:
            for each in pieces:
                if not each.done.done():
                    each.done.set_exception(error)
            if not isinstance(error, Exception):
                raise
