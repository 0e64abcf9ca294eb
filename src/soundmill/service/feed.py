"""What happens to an account's tasks, as it happens: one look a round for all who listen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from soundmill.logs import Seldom
from soundmill.model.errors import Busy, SoundmillError
from soundmill.model.tasks import TaskStatus
from soundmill.service.ports import EventLog, TaskEvent, TaskProgress, Watch

_ROUND_SECONDS = 0.25
_MOST_EVENTS = 500
_AGAIN = timedelta(seconds=5)
_TROUBLE_SECONDS = 60.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class News:
    """What became of a task. ``position`` is what to resume after; ``None`` for what isn't kept, as progress passes by."""

    task_id: int
    status: TaskStatus
    progress: float
    position: int | None = None


@dataclass(slots=True)
class _Listener:
    account_id: int
    position: int
    running: dict[int, float] = field(default_factory=dict)
    unread: list[News] = field(default_factory=list)

    def hear(self, seen: _Seen) -> None:
        final = set()
        for event in seen.events:
            if event.account_id != self.account_id:
                continue
            final.add(event.task_id)  # also one that was told before: what was read as running may have ended just then
            if event.id > self.position:
                self.position = event.id
                done = float(event.status is TaskStatus.PROCESSED)
                self.unread.append(News(event.task_id, event.status, done, event.id))
        running = {each.task_id: each.progress for each in seen.running if each.account_id == self.account_id}
        for task_id, progress in running.items():
            if task_id not in final and self.running.get(task_id) != progress:
                self.unread.append(News(task_id, TaskStatus.PROCESSING, progress))
        for task_id in self.running.keys() & seen.given_back - final:
            self.unread.append(News(task_id, TaskStatus.UPLOADED, 0.0))
        self.running = {task_id: progress for task_id, progress in running.items() if task_id not in final}


@dataclass(frozen=True, slots=True)
class _Seen:
    """One look. ``running`` was read before ``events``: what isn't running any more and ended has its event there."""

    running: list[TaskProgress]
    events: list[TaskEvent]
    given_back: set[int]


class Feed:
    """Lets many threads listen at the price of two queries each 250 ms, and of none while nobody listens.

    Each listener holds a thread of the server: of more than ``most``, or a quarter of them of one account, the next is refused.
    """

    def __init__(self, log: EventLog, watch: Watch, most: int) -> None:
        self._log = log
        self._watch = watch
        self._most = most
        self._most_of_account = -(-most // 4)
        self._changed = threading.Condition()
        self._listeners: list[_Listener] = []
        self._closed = threading.Event()
        self._looker: threading.Thread | None = None
        self._troubles = Seldom(_TROUBLE_SECONDS)

    def listen(self, account_id: int, after: int | None, pause: timedelta) -> tuple[int, Iterator[list[News]]]:
        """The position to begin with, and what happens past it (``None``: from now on); an empty list after each ``pause`` without news.

        A position of another database's, past all that happened here, is taken for now. Who listens holds a place from the first item
        on until the iterator is closed. Ends when the feed is closed. Raises ``Busy`` when too many listen already.
        """
        newest = self._log.newest(account_id)
        position = newest if after is None else min(after, newest)
        with self._changed:
            if self._is_full_for(account_id):
                raise Busy("Too many are listening. Try again in a moment.", _AGAIN)
        return position, self._heard(_Listener(account_id, position), pause)

    def _is_full_for(self, account_id: int) -> bool:
        of_account = sum(each.account_id == account_id for each in self._listeners)
        return len(self._listeners) >= self._most or of_account >= self._most_of_account

    def close(self) -> None:
        """Let all who listen go; for a server that stops."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()

    def _heard(self, listener: _Listener, pause: timedelta) -> Iterator[list[News]]:
        with self._changed:
            if self._is_full_for(listener.account_id):
                return  # several came at once: the client will come again
            self._listeners.append(listener)
            if self._looker is None:
                self._looker = threading.Thread(target=self._look_on, name="feed", daemon=True)
                self._looker.start()
        try:
            yield []  # who never asks for a first item never takes a place
            while not self._closed.is_set():
                with self._changed:
                    self._changed.wait_for(lambda: listener.unread or self._closed.is_set(), pause.total_seconds())
                    unread, listener.unread = listener.unread, []
                yield unread
        finally:
            with self._changed:
                self._listeners.remove(listener)

    def _look_on(self) -> None:
        before: set[int] = set()
        while not self._closed.wait(_ROUND_SECONDS):
            with self._changed:
                if not self._listeners:
                    self._looker = None
                    return
                positions = _positions(self._listeners)
            try:
                seen = self._look(positions, before)
            except Exception as error:  # noqa: BLE001 - a database that doesn't answer is asked again: listeners wait meanwhile
                self._complain(error)
                continue
            before = {each.task_id for each in seen.running}
            with self._changed:
                for listener in self._listeners:
                    # Who came since, or stands further back than was asked for, is told in the next round.
                    if listener.position >= positions.get(listener.account_id, listener.position + 1):
                        listener.hear(seen)
                self._changed.notify_all()

    def _complain(self, error: Exception) -> None:
        # It is asked four times a second, however long it is away.
        if not self._troubles.may_tell(type(error).__name__):
            return
        if isinstance(error, SoundmillError):
            _log.error("nobody is told of events", detail=error.for_log)
        else:
            _log.error("nobody is told of events", exc_info=error)

    def _look(self, positions: dict[int, int], before: set[int]) -> _Seen:
        running = self._log.running(positions.keys())
        events = self._log.after(positions, _MOST_EVENTS)
        gone = before - {each.task_id for each in running}
        # Given back, and so waiting again; else it ended, or was deleted.
        given_back = gone - self._watch.final_among(gone) if gone else set()
        return _Seen(running, events, given_back)


def _positions(listeners: list[_Listener]) -> dict[int, int]:
    positions: dict[int, int] = {}
    for each in listeners:
        positions[each.account_id] = min(each.position, positions.get(each.account_id, each.position))
    return positions
