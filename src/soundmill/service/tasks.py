"""What an owner does with tasks: submit, look, change, cancel, try again, delete, download."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import BinaryIO

from soundmill.failpoints import failpoint
from soundmill.model.errors import DatabaseFull, InvalidRequest, SoundmillError, Unreachable
from soundmill.model.tasks import FileFacts, TaskView
from soundmill.service.delivery import Delivery
from soundmill.service.dropping import drop_all
from soundmill.service.ports import (
    Doorbell,
    FileIndex,
    Once,
    Order,
    PageRequest,
    Storage,
    TaskStore,
)

MOST_ORDERS = 50


class Tasks:
    """The use cases of tasks. Most methods take the account on whose behalf they act.

    ``patience`` is how long the first of several files may wait for its row: less than the janitor waits before it sweeps it.
    """

    def __init__(
        self, store: TaskStore, index: FileIndex, storage: Storage, doorbell: Doorbell, patience: timedelta
    ) -> None:
        self._store = store
        self._index = index
        self._storage = storage
        self._doorbell = doorbell
        self._patience = patience

    def receive(self, size_limit: int, expected_size: int) -> Delivery:
        """Begin to receive what is to be submitted: of at most ``size_limit`` bytes, of which ``expected_size`` are announced (0: nobody knows)."""
        return Delivery(self._storage, size_limit, expected_size, self._patience)

    def submit(
        self,
        account_id: int,
        delivery: Delivery,
        orders: tuple[Order, ...],
        key: str | None = None,
    ) -> list[TaskView]:
        """Accept an upload: safe bytes first, then the rows, then the bell. One task an order, of all files together.

        ``key`` is the client's idempotency key: the same upload with it gives the first one's tasks again.
        Raises ``InvalidRequest``, ``NoRoom``, ``TryLater``, ``KeyReused``; what was handed over is gone then, and the rest is ``delivery``'s.
        """
        if not 1 <= len(orders) <= MOST_ORDERS:
            raise InvalidRequest(f"Ask for 1 to {MOST_ORDERS} formats at a time.")
        _check_joining(delivery.count, orders)
        sources = delivery.commit()
        failpoint("after_store")
        # A crash here leaves files without a row: the client got no answer, the janitor sweeps them.
        try:
            wanted = [[each.target.name, each.options.as_dict()] for each in orders]
            sent = [word for each in sources for word in (each.name, each.stored.sha256)]
            once = _once(key, "submit", *sent, wanted) if key else None
            accepted = self._store.submit(account_id, sources, orders, once)
        except SoundmillError as error:
            # Where the commit's answer may be what was lost the bytes must stay, as with any error that isn't ours.
            if not isinstance(error, Unreachable) or isinstance(error, DatabaseFull):
                self._drop(each.stored.key for each in sources)
            raise
        if not is_of(accepted, delivery):
            self._drop(each.stored.key for each in sources)
            return accepted
        # A crash here leaves due rows without a ring: workers look for due rows by themselves, or the janitor rings.
        self._doorbell.ring(tuple(task.id for task in accepted))
        failpoint("after_ring")
        return accepted

    def get(self, account_id: int, task_id: int, token_id: str = "") -> TaskView:
        """One task. Raises ``NotFound``, where ``token_id`` was revoked, too."""
        return self._store.get(account_id, task_id, token_id)

    def page(self, account_id: int, request: PageRequest, token_id: str) -> list[TaskView]:
        """A page of the account's tasks; nothing where ``token_id`` was revoked."""
        return self._store.page(account_id, request, token_id)

    def convert_anew(self, account_id: int, task_id: int, order: Order) -> TaskView:
        """Another format or other options, from any state; the old result is deleted. Raises ``NotFound``."""
        return self._restarted(account_id, task_id, order)

    def retry(self, account_id: int, task_id: int, key: str | None = None) -> TaskView:
        """Once more as it was. Raises ``NotFound``, or ``WrongState`` unless it failed or was cancelled; ``key`` as in :meth:`submit`."""
        return self._restarted(account_id, task_id, None, _once(key, "retry", task_id) if key else None)

    def cancel(self, account_id: int, task_id: int, key: str | None = None) -> TaskView:
        """Stop it. Raises ``NotFound``, or ``WrongState`` when it ended otherwise; ``key`` as in :meth:`submit`."""
        return self._store.cancel(account_id, task_id, _once(key, "cancel", task_id) if key else None)

    def remove(self, account_id: int, task_id: int) -> None:
        """Delete the task with its result, and its source when no other task uses it. Raises ``NotFound``."""
        self._drop(self._store.remove(account_id, task_id))

    def open_file(self, account_id: int, name: str) -> tuple[FileFacts, BinaryIO]:
        """The bytes of a source or result by its name, to be closed by the caller. Raises ``NotFound``."""
        facts = self._index.find(account_id, name)
        return facts, self._storage.open(facts.key)

    def _restarted(self, account_id: int, task_id: int, order: Order | None, once: Once | None = None) -> TaskView:
        task, dropped = self._store.restart(account_id, task_id, order, once)
        self._doorbell.ring((task.id,))
        self._drop(dropped)
        return task

    def _drop(self, keys: Iterable[str]) -> None:
        # The rows are gone: the owner's request has succeeded.
        drop_all(self._storage.delete, keys)


def is_of(accepted: Sequence[TaskView], delivery: Delivery) -> bool:
    """They were made of this one; else its like was accepted before, under the same key."""
    return accepted[0].source.key == delivery.handed_over[0].stored.key


def _check_joining(count: int, orders: tuple[Order, ...]) -> None:
    joins = any(each.options.join for each in orders)
    if joins and count == 1:
        raise InvalidRequest("There is one file, and nothing to join it with: send several, or leave out “join”.")
    if count > 1 and not joins:
        raise InvalidRequest(
            "Send one file a request, or several with join=true to make one result of them; for several formats repeat newFormat."
        )


def _once(key: str, *asked: object) -> Once:
    return Once(key, hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest())
