"""Sources that are joined: the first is the source of the task, and the others follow it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, or_, select, update

from soundmill.adapters.database.names import NewFile, add_files
from soundmill.adapters.database.schema import files
from soundmill.model.errors import WrongState
from soundmill.model.options import as_joined
from soundmill.model.tasks import FileFacts, NamedKey, SourceView
from soundmill.service.ports import NamedFile, Order


def is_joined(options: Mapping[str, Any]) -> bool:
    """Whether a task with these options has more than one source. A version that can't join refuses them, and so never takes the first for all."""
    return bool(options.get("join"))


def add_sources(
    connection: Connection, account_id: int, uploads: Sequence[Sequence[NamedFile]]
) -> list[tuple[int, str]]:
    """The rows of what several uploads have brought; gives the id and unique name of each one's first file."""
    firsts = [
        NewFile(first.name, {**_stored(first), "given_name": first.name if others else None})
        for first, *others in uploads
    ]
    added = add_files(connection, account_id, firsts)
    for (first_id, _), (_, *others) in zip(added, uploads, strict=True):
        for each in others:  # one by one: their ids tell their order
            of_several = {"given_name": each.name, "joined_to": first_id}
            add_files(connection, account_id, [NewFile(each.name, {**_stored(each), **of_several})])
    return added


def fitting(task: Row[Any], order: Order) -> Order:
    """``order`` as it is for the sources that ``task`` has. Raises ``InvalidOptions`` or ``WrongState``."""
    if is_joined(task.options):
        return replace(order, options=as_joined(order.target, order.options))
    if order.options.join:
        raise WrongState("This task has one source: there is nothing to join it with.")
    return order


def assigned_sources(connection: Connection, first_id: int) -> tuple[NamedKey, ...]:
    """All sources of a joined task, for a worker."""
    found = connection.execute(_ALL, {"first": first_id})
    return tuple(NamedKey(row.key, row.given_name) for row in found)


def note_sounds(connection: Connection, first_id: int, sounds: Sequence[Mapping[str, Any]]) -> None:
    """What the sources that follow the first turned out to be."""
    ids = connection.execute(select(files.c.id).where(files.c.joined_to == first_id).order_by(files.c.id)).scalars()
    for file_id, sound in zip(ids, sounds, strict=False):  # a worker of another version may know less
        connection.execute(update(files).where(files.c.id == file_id).values(sound=sound))


def followers(connection: Connection, first_ids: Collection[int]) -> Mapping[int, Sequence[SourceView]]:
    """What follows each of the sources, in order."""
    found: dict[int, list[SourceView]] = defaultdict(list)
    for row in connection.execute(_FOLLOWERS, {"firsts": list(first_ids)}):
        found[row.joined_to].append(SourceView(FileFacts(row.name, row.key, row.size, row.sha256), row.sound))
    return found


def _stored(source: NamedFile) -> dict[str, Any]:
    return {"key": source.stored.key, "size": source.stored.size, "sha256": source.stored.sha256}


# They were added in one transaction, in their order: by rising id.
_ALL = (
    select(files.c.key, files.c.given_name)
    .where(or_(files.c.id == bindparam("first"), files.c.joined_to == bindparam("first")))
    .order_by(files.c.id)
)
_FOLLOWERS = (
    select(files.c.joined_to, files.c.name, files.c.key, files.c.size, files.c.sha256, files.c.sound)
    .where(files.c.joined_to.in_(bindparam("firsts", expanding=True)))
    .order_by(files.c.id)
)
