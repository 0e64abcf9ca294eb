"""Seats beside long conversions over HTTP: the worker's routes of the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from soundmill.adapters.board.client import WorkerClient
from soundmill.model.tasks import Attempt
from soundmill.service.ports import Seat

# Whatever isn't answered is encoded by whoever cut it: waiting for the API would take longer.
_NO_PATIENCE = timedelta(0)


class HttpSeats:
    """See :class:`soundmill.service.ports.Seats`. Must not cross a fork. Raises what :meth:`WorkerClient.said` does, too."""

    def __init__(self, client: WorkerClient) -> None:
        self._client = client

    def open(self, attempt: Attempt, build: str) -> None:
        """See the port."""
        self._tell(attempt, "open", {"build": build})

    def taken(self, attempt: Attempt) -> Sequence[Seat]:
        """See the port."""
        return _seats(self._tell(attempt, "taken", {}))

    def give(self, attempt: Attempt, seat: int, work: str) -> None:
        """See the port."""
        self._tell(attempt, "give", {"seat": seat, "work": work})

    def close(self, attempt: Attempt) -> Sequence[Seat]:
        """See the port."""
        return _seats(self._tell(attempt, "close", {}))

    def take(self, helper: str, build: str) -> bool:
        """See the port."""
        return bool(self._say("take", {"helper": helper, "build": build, "storage": self._client.storage})["taken"])

    def next_work(self, helper: str) -> Seat | None:
        """See the port."""
        given = self._say("next", {"helper": helper})
        return None if given is None else Seat(given["id"], given["work"])

    def answer(self, helper: str, work: Seat, answer: str) -> None:
        """See the port."""
        self._say("answer", {"helper": helper, "seat": work.id, "work": work.work, "answer": answer})

    def leave(self, helper: str) -> None:
        """See the port."""
        self._say("leave", {"helper": helper})

    def _tell(self, attempt: Attempt, word: str, said: dict[str, Any]) -> Any:
        path = f"/api/tasks/{attempt.task_id}/seats/{word}"
        return self._client.said(path, {"attempt": attempt.number, **said}, _NO_PATIENCE)

    def _say(self, word: str, said: dict[str, Any]) -> Any:
        return self._client.said(f"/api/board/seats/{word}", said, _NO_PATIENCE)


def _seats(told: dict[str, Any]) -> Sequence[Seat]:
    return [Seat(each["id"], each["work"], each["answer"]) for each in told["seats"]]
