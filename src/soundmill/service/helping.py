"""Workers help each other: one that is free encodes pieces of a long conversion that another has.

Nothing depends on it. What a helper takes and never answers is encoded by the conversion that cut it, so trouble here is logged and
costs time only.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from soundmill.model.conversion import ConversionStopped
from soundmill.model.errors import SoundmillError, StaleAttempt
from soundmill.model.helping import Answer, News
from soundmill.model.tasks import Attempt
from soundmill.service.ports import Converter, Seat, Seats, Workbench

_LOOK_SECONDS = 0.2
_CALL_AGAIN_SECONDS = 5.0
_REST_SECONDS = 10.0
_HEARD_OF_SECONDS = 1.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 1.0
_PATIENCE_SECONDS = 15.0

_log = structlog.get_logger()


class Lending:
    """Implements :class:`~soundmill.model.helping.Helpers` for the conversion of ``attempt`` in ``directory``.

    After trouble it rests for some seconds: nobody helps meanwhile.
    """

    def __init__(self, attempt: Attempt, directory: Path, seats: Seats, workbench: Workbench, build: str) -> None:
        self._attempt, self._directory = attempt, directory
        self._seats, self._workbench, self._build = seats, workbench, build
        self._given: dict[int, str] = {}
        self._news = News()
        self._looks_at = self._calls_at = 0.0
        self._answers = 0

    def open(self) -> None:
        """See :class:`~soundmill.model.helping.Helpers`."""
        with self._unless_in_trouble():
            self._calls_at = time.monotonic() + _CALL_AGAIN_SECONDS
            self._seats.open(self._attempt, self._build)

    def give(self, seat: int, piece: Path) -> None:
        """See :class:`~soundmill.model.helping.Helpers`."""
        with self._unless_in_trouble():
            self._given[seat] = self._workbench.lend(piece)
            try:
                self._seats.give(self._attempt, seat, self._given[seat])
            except StaleAttempt:  # who sat there has left
                self._workbench.drop(self._given.pop(seat))

    def news(self) -> News:
        """See :class:`~soundmill.model.helping.Helpers`."""
        moment = time.monotonic()
        self._news = News(self._news.seats)
        if moment >= self._looks_at:
            self._looks_at = moment + _LOOK_SECONDS
            with self._unless_in_trouble():
                self._look()
                if moment >= self._calls_at:
                    self.open()  # who was busy may be free by now
        return self._news

    def close(self) -> None:
        """See :class:`~soundmill.model.helping.Helpers`."""
        if self._answers:
            _log.info("helped", task=self._attempt.task_id, attempt=self._attempt.number, pieces=self._answers)
        left: Sequence[Seat] = ()
        with self._unless_in_trouble():
            left = self._seats.close(self._attempt)
        self._drop([*self._given.values(), *(each.answer for each in left if self._is_answered(each) and each.answer)])
        self._given.clear()

    def _look(self) -> None:
        taken = self._seats.taken(self._attempt)
        gone = self._given.keys() - {each.id for each in taken}
        self._drop([self._given.pop(seat) for seat in gone])
        answers = tuple(self._collected(each) for each in taken if self._is_answered(each))
        self._answers += len(answers)
        self._news = News(tuple(each.id for each in taken), answers)

    def _is_answered(self, seat: Seat) -> bool:
        return seat.answer is not None and self._given.get(seat.id) == seat.work

    def _collected(self, seat: Seat) -> Answer:
        path = self._directory / f"answer-{seat.id}"
        self._workbench.drop(self._given.pop(seat.id))
        self._workbench.collect(seat.answer or "", path)
        return Answer(seat.id, path)

    def _drop(self, keys: Iterable[str]) -> None:
        for key in keys:
            with self._unless_in_trouble():
                self._workbench.drop(key)

    @contextmanager
    def _unless_in_trouble(self) -> Iterator[None]:
        try:
            yield
        except SoundmillError as error:
            detail = error.detail_for_log or error.message
            _log.info("not helped for a while", task=self._attempt.task_id, attempt=self._attempt.number, detail=detail)
            self._news = News()
            self._looks_at = self._calls_at = time.monotonic() + _REST_SECONDS


class Helping:
    """What a free worker does: it encodes pieces of others' conversions, until these are over or tasks wait."""

    def __init__(
        self, owner: str, seats: Seats, workbench: Workbench, converter: Converter, has_a_free_core: Callable[[], bool]
    ) -> None:
        self._owner, self._seats, self._workbench, self._converter = owner, seats, workbench, converter
        self._has_a_free_core = has_a_free_core
        self._rests_until = 0.0

    def help(self, is_stopping: Callable[[], bool]) -> bool:
        """Gives whether anybody was helped. After trouble it rests for some seconds."""
        if time.monotonic() < self._rests_until or not self._has_a_free_core():
            return False
        helper = f"{self._owner}#{uuid.uuid4().hex}"
        with self._unless_in_trouble():
            if self._seats.take(helper, self._converter.build):
                return self._help(helper, is_stopping)
        return False

    def _help(self, helper: str, is_stopping: Callable[[], bool]) -> bool:
        encoded = 0
        try:
            for work in self._given_to(helper, is_stopping):
                self._encode(helper, work, is_stopping)
                encoded += 1
        except (StaleAttempt, ConversionStopped):
            pass  # nobody needs it any more, or there is something better to do
        finally:
            if encoded:
                _log.info("helped another worker", pieces=encoded)
            with self._unless_in_trouble():
                self._seats.leave(helper)
        return encoded > 0

    def _given_to(self, helper: str, is_stopping: Callable[[], bool]) -> Iterator[Seat]:
        """Pieces as they come; ends when none came for long."""
        pause_seconds, gives_up_at = _FIRST_PAUSE_SECONDS, time.monotonic() + _PATIENCE_SECONDS
        while not is_stopping() and time.monotonic() < gives_up_at:
            work = self._seats.next_work(helper)
            if work is not None:
                yield work
                pause_seconds, gives_up_at = _FIRST_PAUSE_SECONDS, time.monotonic() + _PATIENCE_SECONDS
                continue
            time.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)

    def _encode(self, helper: str, work: Seat, is_stopping: Callable[[], bool]) -> None:
        heard_at = time.monotonic()

        def tick(fraction: float) -> bool:
            nonlocal heard_at
            if time.monotonic() - heard_at >= _HEARD_OF_SECONDS:
                heard_at = time.monotonic()
                self._seats.next_work(helper)  # it may be over, and who isn't heard of is taken for lost
            return not is_stopping()

        with self._workbench.source(work.work or "") as piece, self._workbench.blank() as answer:
            self._converter.encode_piece(piece, answer, tick)
            key = self._workbench.lend(answer)
        try:
            self._seats.answer(helper, work, key)
        except SoundmillError:
            self._workbench.drop(key)
            raise

    @contextmanager
    def _unless_in_trouble(self) -> Iterator[None]:
        try:
            yield
        except SoundmillError as error:
            self._rests_until = time.monotonic() + _REST_SECONDS
            _log.info("no help for a while", detail=error.detail_for_log or error.message)
