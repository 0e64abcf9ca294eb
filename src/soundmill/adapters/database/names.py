"""Unique file names of an account: a second ``song.mp3`` becomes ``song (2).mp3``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Executable, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from soundmill.adapters.database.clock import now
from soundmill.adapters.database.schema import files, name_counters
from soundmill.model.names import numbered


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file under the name ``wanted`` or, when another has that, the next free number of it. ``values`` are further columns."""

    wanted: str
    values: Mapping[str, Any] = field(default_factory=dict)


def add_files(connection: Connection, account_id: int, new: Sequence[NewFile]) -> list[tuple[int, str]]:
    """A row for each. Gives their ids and names, in the order of ``new``; the ids rise with it only where no name was taken.

    As for :func:`free_name`, the account is locked.
    """
    made: dict[int, tuple[int, str]] = {}
    left = {place: each.wanted for place, each in enumerate(new)}
    while left:
        place_of: dict[str, int] = {}
        for place, name in left.items():
            place_of.setdefault(name, place)  # of several with one name the first has it
        rows = [
            {**_NOTHING_STORED, **new[place].values, "account_id": account_id, "name": name}
            for name, place in place_of.items()
        ]
        for file_id, name in connection.execute(_ADD_FILES[connection.dialect.name], rows):
            made[place_of[name]] = int(file_id), name
        left = _renamed(connection, account_id, {place: new[place].wanted for place in left if place not in made})
    return [made[place] for place in range(len(new))]


def free_name(connection: Connection, account_id: int, wanted: str) -> str:
    """``wanted`` itself when no file of the account has it, else with the next number.

    The caller has locked the account until the transaction ends, so that two uploads at once don't get one name. The counter
    makes the thousandth ``song.mp3`` cost what the second does.
    """
    name = wanted
    while _is_taken(connection, account_id, name):
        [name] = _renamed(connection, account_id, {0: wanted}).values()
    return name


def _is_taken(connection: Connection, account_id: int, name: str) -> bool:
    return connection.execute(_SAME_NAME, {"of_account": account_id, "wanted": name}).first() is not None


def _renamed(connection: Connection, account_id: int, wanted: Mapping[int, str]) -> dict[int, str]:
    """The next number for each."""
    renamed: dict[int, str] = {}
    for name, many in Counter(wanted.values()).items():
        row = {"account_id": account_id, "name": name, "last": 1 + many}
        last = int(connection.execute(_COUNT[connection.dialect.name], row).scalar_one())
        places = (place for place in wanted if wanted[place] == name)
        renamed |= {place: numbered(name, last - many + nth) for nth, place in enumerate(places, start=1)}
    return dict(sorted(renamed.items()))


def _counting(first: sqlite.Insert | postgresql.Insert) -> Executable:
    following = first.on_conflict_do_update(
        index_elements=[name_counters.c.account_id, name_counters.c.name],
        set_={"last": name_counters.c.last + first.excluded.last - 1},
    )
    return following.returning(name_counters.c.last)


# Built once: for a statement of a row or two that costs more than running it, and every upload runs each of these several times.
_INSERTS: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
_NOTHING_STORED = {"key": None, "size": None, "sha256": None}
_ADD_FILES = {
    dialect: insert(files)
    .values(created_at=now())
    .on_conflict_do_nothing(index_elements=[files.c.account_id, files.c.name])
    .returning(files.c.id, files.c.name)
    for dialect, insert in _INSERTS.items()
}
_SAME_NAME = select(files.c.id).where(
    files.c.account_id == bindparam("of_account"), files.c.name == bindparam("wanted")
)
_COUNT = {dialect: _counting(insert(name_counters)) for dialect, insert in _INSERTS.items()}
