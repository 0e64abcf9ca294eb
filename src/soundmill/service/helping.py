"""Workers help each other: one that is free encodes pieces of a long conversion that another has.

Nothing depends on it. What a helper takes and never answers is encoded by the conversion that cut it, so trouble here is logged and
costs time only.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from soundmill.model.conversion import ConversionStopped
from soundmill.model.errors import SoundmillError, StaleAttempt
from soundmill.model.helping import LARGEST_PARCEL_BYTES
from soundmill.service.ports import Converter, Seat, Seats, Workbench

_REST_SECONDS = 10.0
_HEARD_OF_SECONDS = 0.5
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 0.25
_PATIENCE_SECONDS = 15.0

_log = structlog.get_logger()


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
        with (
            _heard_of(self._seats, helper) as is_over,
            self._workbench.source(work.work or "") as piece,
            self._workbench.blank() as answer,
        ):
            # Stopped and not thrown out of: its engine stays warm for what comes next.
            self._converter.encode_piece(piece, answer, lambda fraction: not (is_over.is_set() or is_stopping()))
            key = self._workbench.lend(answer, LARGEST_PARCEL_BYTES)
        try:
            self._seats.answer(helper, work, key)
        except StaleAttempt:
            self._workbench.drop(key)
            raise

    @contextmanager
    def _unless_in_trouble(self) -> Iterator[None]:
        try:
            yield
        except SoundmillError as error:
            self._rests_until = time.monotonic() + _REST_SECONDS
            _log.info("no help for a while", detail=error.for_log)


@contextmanager
def _heard_of(seats: Seats, helper: str) -> Iterator[threading.Event]:
    """Say meanwhile that ``helper`` is there: fetching a piece may take longer than the silence after which it is taken for lost.

    Gives what is set once it should go.
    """
    is_done, is_over = threading.Event(), threading.Event()

    def say() -> None:
        while not is_done.wait(_HEARD_OF_SECONDS):
            try:
                seats.next_work(helper)
            except StaleAttempt:
                is_over.set()
                return
            except Exception as error:  # noqa: BLE001 - it is said again
                _log.info("not heard of", detail=str(error))

    saying = threading.Thread(target=say, name="seat")
    saying.start()
    try:
        yield is_over
    finally:
        is_done.set()
        saying.join()
