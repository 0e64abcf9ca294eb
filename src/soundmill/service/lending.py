"""The other side of :mod:`.helping`: a conversion's pieces go out to free workers, and their answers come in."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import structlog

from soundmill.model.errors import SoundmillError, StaleAttempt
from soundmill.model.helping import LARGEST_PARCEL_BYTES, Answer, News
from soundmill.model.tasks import Attempt
from soundmill.service.dropping import drop_all
from soundmill.service.ports import Seat, Seats, Workbench

# Who is free comes within half a second of being called. Where nobody is, neither looking nor calling is worth much.
_LOOK_SECONDS, _IDLE_LOOK_SECONDS = 0.2, 2.0
_COMING_SECONDS = 1.0
_FIRST_CALL_SECONDS, _LONGEST_CALL_SECONDS = 5.0, 60.0
_REST_SECONDS = 10.0
_CLOSING_SECONDS = 5.0

_log = structlog.get_logger()


class _Given(NamedTuple):
    key: str
    piece: str


class Lending:
    """Implements :class:`~soundmill.model.helping.Helpers` for the conversion of ``attempt`` in ``directory``.

    A thread of its own speaks with storage and seats: slow ones mustn't keep the conversion's lease from being renewed. After trouble it
    rests for some seconds, in which nobody helps.
    """

    def __init__(self, attempt: Attempt, directory: Path, seats: Seats, workbench: Workbench, build: str) -> None:
        self._attempt, self._directory = attempt, directory
        self._seats, self._workbench, self._build = seats, workbench, build
        self._words: queue.SimpleQueue[tuple[int, Path] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._taken: tuple[int, ...] = ()
        self._left: set[int] = set()
        self._answers: list[Answer] = []
        # The rest is the thread's own.
        self._given: dict[int, _Given] = {}
        self._looks_at = self._called_at = self._rests_until = 0.0
        self._call_seconds = _FIRST_CALL_SECONDS
        self._count = 0

    def open(self) -> None:
        """See :class:`~soundmill.model.helping.Helpers`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="lending", daemon=True)
            self._thread.start()

    def give(self, seat: int, piece: Path) -> None:
        """See :class:`~soundmill.model.helping.Helpers`."""
        self._words.put((seat, piece))

    def news(self) -> News:
        """See :class:`~soundmill.model.helping.Helpers`."""
        with self._lock:
            answers, self._answers = self._answers, []
            left, self._left = self._left, set()
            return News(tuple(each for each in self._taken if each not in left), answers)

    def close(self) -> None:
        """See :class:`~soundmill.model.helping.Helpers`."""
        if self._thread is not None:
            self._words.put(None)
            # One that hangs in a silent storage or API closes later.
            self._thread.join(_CLOSING_SECONDS)

    def _work(self) -> None:
        self._call()
        while True:
            try:
                word = self._words.get(timeout=max(0.0, self._looks_at - time.monotonic()))
            except queue.Empty:
                self._look()
                continue
            if word is None:
                break
            self._give(*word)
        self._say_closed()

    def _call(self) -> None:
        self._looks_at = self._called_at = time.monotonic()
        with self._unless_in_trouble():
            self._seats.open(self._attempt, self._build)

    def _give(self, seat: int, piece: Path) -> None:
        # What a conversion says isn't believed: nothing goes out for a seat that isn't there, or has something already.
        if seat not in self._taken or seat in self._given or time.monotonic() < self._rests_until:
            return
        with self._unless_in_trouble():
            try:
                key = self._workbench.lend(piece, LARGEST_PARCEL_BYTES)
            except SoundmillError:
                if piece.exists(follow_symlinks=False):
                    raise
                # It was done meanwhile, and the conversion waits for an answer: to it, who sits there has left and come back.
                with self._lock:
                    self._left.add(seat)
                return
            self._given[seat] = given = _Given(key, piece.name)
            try:
                self._seats.give(self._attempt, seat, given.key)
            except StaleAttempt:  # who sat there has left
                self._workbench.drop(self._given.pop(seat).key)

    def _look(self) -> None:
        moment = time.monotonic()
        with self._unless_in_trouble():
            taken = self._seats.taken(self._attempt)
            self._note(taken)
            is_expected = bool(taken) or moment < self._called_at + _COMING_SECONDS
            self._looks_at = moment + (_LOOK_SECONDS if is_expected else _IDLE_LOOK_SECONDS)
            if moment >= self._called_at + self._call_seconds:
                self._call_seconds = min(2 * self._call_seconds, _LONGEST_CALL_SECONDS)
                self._call()  # who was busy may be free by now

    def _note(self, taken: Sequence[Seat]) -> None:
        gone = self._given.keys() - {each.id for each in taken}
        drop_all(self._workbench.drop, [self._given.pop(seat).key for seat in gone])
        with self._lock:
            self._taken = tuple(each.id for each in taken)
        for seat in taken:
            given = self._given.get(seat.id)
            if seat.answer is not None and given is not None and given.key == seat.work:
                self._collect(self._given.pop(seat.id), seat.answer)

    def _collect(self, given: _Given, key: str) -> None:
        """One that can't be had costs its piece only: that is encoded by the conversion."""
        drop_all(self._workbench.drop, [given.key])
        path = self._directory / f"answer-to-{given.piece}"
        try:
            self._workbench.collect(key, path)
        except SoundmillError as error:
            self._log_trouble("an answer is lost", error)
            drop_all(self._workbench.drop, [key])
            return
        self._count += 1
        with self._lock:
            self._answers.append(Answer(given.piece, path))

    def _say_closed(self) -> None:
        if self._count:
            _log.info("helped", task=self._attempt.task_id, attempt=self._attempt.number, pieces=self._count)
        with self._unless_in_trouble():
            left = self._seats.close(self._attempt)
            drop_all(self._workbench.drop, [each.answer for each in left if each.answer is not None])
        drop_all(self._workbench.drop, [each.key for each in self._given.values()])

    @contextmanager
    def _unless_in_trouble(self) -> Iterator[None]:
        try:
            yield
        except SoundmillError as error:
            self._log_trouble("not helped for a while", error)
            with self._lock:
                self._taken = ()
            self._looks_at = self._rests_until = time.monotonic() + _REST_SECONDS

    def _log_trouble(self, event: str, error: SoundmillError) -> None:
        detail = error.for_log
        _log.info(event, task=self._attempt.task_id, attempt=self._attempt.number, detail=detail)
