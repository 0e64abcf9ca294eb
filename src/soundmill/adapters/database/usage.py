"""How many bytes an account's files take: a counter beside the rows, always equal to their sum."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select, update

from soundmill.adapters.database.connection import Database
from soundmill.adapters.database.schema import accounts, files, tasks

_counted = (
    select(func.coalesce(func.sum(files.c.size), 0))
    .where(files.c.account_id == accounts.c.id, files.c.key.is_not(None))
    .correlate(accounts)
    .scalar_subquery()
)

# Built once: every upload runs these, and building one costs more than running it.
_LOCKED = select(accounts.c.used_bytes).where(accounts.c.id == bindparam("account")).with_for_update()
_CHARGED = (
    update(accounts)
    .where(accounts.c.id == bindparam("account"))
    .values(used_bytes=accounts.c.used_bytes + bindparam("more"))
)


def lock_account(connection: Connection, account_id: int) -> int:
    """Whatever changes an account's tasks, files or events begins here: the account before its tasks before its files, so that no
    two wait for each other. Gives the bytes that its files take.
    """
    return int(connection.execute(_LOCKED, {"account": account_id}).scalar_one())


def lock_owner(connection: Connection, task_id: int) -> int | None:
    """The same for the account of a task; gives its id, ``None`` when there is no such task."""
    owner = select(accounts.c.id).join(tasks, tasks.c.account_id == accounts.c.id).where(tasks.c.id == task_id)
    found: int | None = connection.execute(owner.with_for_update(of=accounts)).scalar()
    return found


def charge(connection: Connection, account_id: int, size_bytes: int) -> None:
    """In the transaction that adds files of so many bytes; a negative size for files that go."""
    connection.execute(_CHARGED, {"account": account_id, "more": size_bytes})


class DatabaseUsage:
    """Implements :class:`~soundmill.service.ports.UsageLedger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def recount(self) -> int:
        """See the port. Looks without locks first: as a rule nothing is to be mended."""
        with self._database.reading() as connection:
            suspects = list(
                connection.execute(select(accounts.c.id).where(accounts.c.used_bytes != _counted)).scalars()
            )
        return sum(self._recount(account_id) for account_id in suspects)

    def _recount(self, account_id: int) -> bool:
        with self._database.writing() as connection:
            used = lock_account(connection, account_id)
            # A statement of its own, after the lock: PostgreSQL would else count what it saw before it waited.
            counted = int(connection.execute(select(_counted).where(accounts.c.id == account_id)).scalar_one())
            charge(connection, account_id, counted - used)
            return counted != used
