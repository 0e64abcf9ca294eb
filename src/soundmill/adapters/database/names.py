"""Unique file names of an account: a second ``song.mp3`` becomes ``song (2).mp3``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Executable, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from soundmill.adapters.database.clock import now
from soundmill.adapters.database.schema import files, name_counters
from soundmill.model.names import numbered


def add_file(connection: Connection, account_id: int, wanted: str, values: Mapping[str, Any]) -> tuple[int, str]:
    """A row for a file under ``wanted`` or the next free number of it. Gives its id and name.

    As for :func:`free_name`, the account is locked.
    """
    row = {**_NOTHING_STORED, **values, "account_id": account_id}
    name = wanted
    while (added := connection.execute(_ADD_FILE[connection.dialect.name], {**row, "name": name}).scalar()) is None:
        name = numbered(wanted, _next_number(connection, account_id, wanted))
    return int(added), name


def free_name(connection: Connection, account_id: int, wanted: str) -> str:
    """``wanted`` itself when no file of the account has it, else with the next number.

    The caller has locked the account until the transaction ends, so that two uploads at once don't get one name. The counter
    makes the thousandth ``song.mp3`` cost what the second does.
    """
    name = wanted
    while _is_taken(connection, account_id, name):
        name = numbered(wanted, _next_number(connection, account_id, wanted))
    return name


def _is_taken(connection: Connection, account_id: int, name: str) -> bool:
    return connection.execute(_SAME_NAME, {"of_account": account_id, "wanted": name}).first() is not None


def _next_number(connection: Connection, account_id: int, name: str) -> int:
    row = {"account_id": account_id, "name": name, "last": 2}
    return int(connection.execute(_COUNT[connection.dialect.name], row).scalar_one())


def _counting(first: sqlite.Insert | postgresql.Insert) -> Executable:
    following = first.on_conflict_do_update(
        index_elements=[name_counters.c.account_id, name_counters.c.name],
        set_={"last": name_counters.c.last + 1},
    )
    return following.returning(name_counters.c.last)


# Built once: for a statement of a row or two that costs more than running it, and every upload runs each of these several times.
_INSERTS: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
_NOTHING_STORED = {"key": None, "size": None, "sha256": None}
_ADD_FILE = {
    dialect: insert(files)
    .values(created_at=now())
    .on_conflict_do_nothing(index_elements=[files.c.account_id, files.c.name])
    .returning(files.c.id)
    for dialect, insert in _INSERTS.items()
}
_SAME_NAME = select(files.c.id).where(
    files.c.account_id == bindparam("of_account"), files.c.name == bindparam("wanted")
)
_COUNT = {dialect: _counting(insert(name_counters)) for dialect, insert in _INSERTS.items()}
