"""Free workers are called to a long conversion by the doorbell."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from soundmill.model.errors import Unreachable
from soundmill.model.tasks import Attempt
from soundmill.service.ports import Doorbell, Seat, Seats

_RINGS = 4
_RINGS_OF_ONE_WHO_COMES = 2

_log = structlog.get_logger()


class CallingSeats:
    """A :class:`~soundmill.service.ports.Seats` that rings where help is wanted: a free worker of several machines hears nothing else.

    Each who comes calls more, so that as many come as there are. While rings wait unheard nobody is free.
    """

    def __init__(self, seats: Seats, doorbell: Doorbell) -> None:
        self._seats = seats
        self._doorbell = doorbell

    def open(self, attempt: Attempt, build: str) -> None:
        """See the port."""
        self._seats.open(attempt, build)
        self._call(_RINGS)

    def taken(self, attempt: Attempt) -> Sequence[Seat]:
        """See the port."""
        return self._seats.taken(attempt)

    def give(self, attempt: Attempt, seat: int, work: str) -> None:
        """See the port."""
        self._seats.give(attempt, seat, work)

    def close(self, attempt: Attempt) -> Sequence[Seat]:
        """See the port."""
        return self._seats.close(attempt)

    def take(self, helper: str, build: str) -> bool:
        """See the port."""
        is_taken = self._seats.take(helper, build)
        if is_taken:
            self._call(_RINGS_OF_ONE_WHO_COMES)
        return is_taken

    def next_work(self, helper: str) -> Seat | None:
        """See the port."""
        return self._seats.next_work(helper)

    def answer(self, helper: str, work: Seat, answer: str) -> None:
        """See the port."""
        self._seats.answer(helper, work, answer)

    def leave(self, helper: str) -> None:
        """See the port."""
        self._seats.leave(helper)

    def _call(self, rings: int) -> None:
        try:
            if self._doorbell.unheard() == 0:
                self._doorbell.ring((0,) * rings)
        except Unreachable as error:
            _log.info("nobody is called to help", detail=error.detail_for_log)
