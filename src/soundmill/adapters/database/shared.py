"""What many threads ask at once is asked once for all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable


class _Round[R]:
    """One asking for all that wait for it, and those that come meanwhile and wait for the ``next`` one."""

    __slots__ = ("answer", "error", "is_over", "next")

    answer: R

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.next: _Round[R] | None = None
        self.is_over = threading.Lock()
        self.is_over.acquire()

    def wait(self) -> None:
        # One thread wakes the next one: all at once would only wait for the interpreter.
        with self.is_over:
            pass

    def result(self) -> R:
        if self.error is not None:
            raise self.error
        return self.answer


class Shared[R]:
    """Answers to questions about what changes.

    An answer on its way when somebody asks may be from before: whoever comes meanwhile waits, together with all others that do, for one
    that is asked anew. So nobody gets an older answer than by asking alone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[Hashable, _Round[R]] = {}

    def answer(self, question: Hashable, ask: Callable[[], R]) -> R:
        """What ``ask`` gives, or raises, to one of those that wait together. It is theirs together: nobody may change it."""
        with self._lock:
            before = self._under_way.get(question)
            mine = None if before is None else before.next
            is_first = mine is None
            if mine is None:
                mine = _Round[R]()
                if before is None:
                    self._under_way[question] = mine
                else:
                    before.next = mine
        if is_first:
            if before is not None:
                before.wait()
            self._ask(question, mine, ask)
        else:
            mine.wait()
        return mine.result()

    def _ask(self, question: Hashable, mine: _Round[R], ask: Callable[[], R]) -> None:
        try:
            mine.answer = ask()
        except BaseException as error:  # noqa: BLE001 - it is the error of all that wait
            mine.error = error
        finally:
            with self._lock:
                if mine.next is None:
                    del self._under_way[question]
                else:
                    self._under_way[question] = mine.next
            mine.is_over.release()
