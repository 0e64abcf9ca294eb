"""Unique file names of an account: a second ``song.mp3`` becomes ``song (2).mp3``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from soundmill.adapters.database.clock import now
from soundmill.adapters.database.schema import files, name_counters
from soundmill.adapters.database.usage import lock_account
from soundmill.model.names import numbered


def add_file(connection: Connection, account_id: int, wanted: str, values: Mapping[str, Any]) -> tuple[int, str]:
    """A row for a file under ``wanted`` or the next free number of it. Gives its id and name."""
    name = free_name(connection, account_id, wanted)
    row = {**values, "account_id": account_id, "name": name, "created_at": now()}
    added = connection.execute(insert(files).values(row).returning(files.c.id)).scalar_one()
    return int(added), name


def free_name(connection: Connection, account_id: int, wanted: str) -> str:
    """``wanted`` itself when no file of the account has it, else with the next number.

    The account's row stays locked until the transaction ends, so that two uploads at once don't get one name. The counter
    makes the thousandth ``song.mp3`` cost what the second does.
    """
    lock_account(connection, account_id)
    name = wanted
    while _is_taken(connection, account_id, name):
        name = numbered(wanted, _next_number(connection, account_id, wanted))
    return name


def _is_taken(connection: Connection, account_id: int, name: str) -> bool:
    same = select(files.c.id).where(files.c.account_id == account_id, files.c.name == name)
    return connection.execute(same).first() is not None


def _next_number(connection: Connection, account_id: int, name: str) -> int:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    first = dialect.insert(name_counters).values(account_id=account_id, name=name, last=2)
    following = first.on_conflict_do_update(
        index_elements=[name_counters.c.account_id, name_counters.c.name],
        set_={"last": name_counters.c.last + 1},
    )
    return int(connection.execute(following.returning(name_counters.c.last)).scalar_one())
