"""Work of many threads for one account, carried out by one of them for all that wait: one lock, one commit."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Piece[W, R]:
    """One thread's work, and where its result or its error goes. ``turn`` comes when it is settled, or is to be done by its own thread."""

    work: W
    done: Future[R] = field(default_factory=Future)
    turn: threading.Event = field(default_factory=threading.Event)


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
        # An account is in it while one of its threads is at work; that one passes the turn on to the first that waits.
        self._waiting: dict[int, deque[Piece[W, R]]] = {}

    def result(self, account_id: int, work: W) -> R:
        """What became of ``work``, as soon as it is settled; raises its error."""
        mine: Piece[W, R] = Piece(work)
        with self._lock:
            is_first = account_id not in self._waiting
            self._waiting.setdefault(account_id, deque()).append(mine)
        if not is_first:
            mine.turn.wait()
        if not mine.done.done():
            self._settle_first(account_id)
        return mine.done.result()

    def _settle_first(self, account_id: int) -> None:
        with self._lock:
            waiting = self._waiting[account_id]
            pieces = [waiting.popleft() for _ in range(min(self._most, len(waiting)))]
        try:
            self._carry_out(account_id, pieces)
        except BaseException as error:
            for each in pieces:
                if not each.done.done():
                    each.done.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._pass_on(account_id)
            for each in pieces:
                each.turn.set()

    def _pass_on(self, account_id: int) -> None:
        with self._lock:
            if waiting := self._waiting[account_id]:
                waiting[0].turn.set()
            else:
                del self._waiting[account_id]
