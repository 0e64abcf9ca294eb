"""Requests that are carried out once, however often they are sent: idempotency keys."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from soundmill.adapters.database.clock import now
from soundmill.adapters.database.schema import idempotency_keys
from soundmill.model.errors import KeyReused
from soundmill.service.ports import Once


def remembered(connection: Connection, account_id: int, once: Once) -> list[int] | None:
    """The tasks of the first request with this key, if there was one. Raises ``KeyReused`` when it asked for something else.

    The transaction has locked the account's row before: of two requests at once the second waits, and finds the first.
    """
    mine = (idempotency_keys.c.account_id == account_id) & (idempotency_keys.c.key == once.key)
    found = connection.execute(select(idempotency_keys).where(mine)).first()
    if found is None:
        return None
    if found.fingerprint != once.fingerprint:
        raise KeyReused
    return [int(each) for each in found.task_ids]


def remember(connection: Connection, account_id: int, once: Once, task_ids: list[int]) -> None:
    """In the transaction that carries the request out: both happen, or neither."""
    row = {
        "account_id": account_id,
        "key": once.key,
        "fingerprint": once.fingerprint,
        "task_ids": task_ids,
        "created_at": now(),
    }
    connection.execute(insert(idempotency_keys).values(row))
