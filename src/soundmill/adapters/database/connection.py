"""Connections and transactions, the same on SQLite (WAL) and PostgreSQL."""

from __future__ import annotations

import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from soundmill.adapters.database.lookup import Lookup
from soundmill.model.errors import Busy, ConfigurationError, DatabaseDamaged, DatabaseFull, Unreachable

_BUSY_MILLISECONDS = 15_000
_POOL_SECONDS = 10
# PostgreSQL's “disk_full”.
_FULL = frozenset({sqlite3.SQLITE_FULL, "53100"})
# “read_only_sql_transaction”: a standby after a failover, or a server that was set so.
_READ_ONLY = "25006"
# “idle_in_transaction_session_timeout”
_RESTED = "25P03"
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# Its write-ahead log wants memory that processes share through a file, and locks: some network file systems and FUSE have neither.
_UNSUITED = frozenset(
    {
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMLOCK,
        sqlite3.SQLITE_IOERR_SHMMAP,
        sqlite3.SQLITE_IOERR_LOCK,
    }
)
_FRESH_SECONDS = 1.0
# A lookup takes half a millisecond: few connections are enough.
_SHARE_OF_LOOKUPS = 4
_USED_AT = "soundmill_used_at"
# We say BEGIN ourselves, below: a driver that does sends it before a single SELECT, too, and a rollback after it.
_NO_BEGIN: dict[str, dict[str, Any]] = {"sqlite": {"isolation_level": None}, "postgresql": {"autocommit": True}}
_DRIVERS = frozenset({"sqlite", "postgresql", "postgresql+psycopg"})
# A server whose packets are dropped (a broken switch, a firewall that forgot) never says that it is gone: by themselves the driver waits
# for two minutes, and the system for a quarter of an hour.
_PATIENCE: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# Between two statements of a transaction of ours lie moments. One that rests is that of a process that was stopped or cut off, and
# what it has locked (an account) all others wait for, the janitor with every lease.
_REST = timedelta(seconds=30)
_BY_NAME = {"sqlite": "named", "postgresql": "pyformat"}
# On SQLite a deferred transaction that reads and then writes fails at once when another wrote between: IMMEDIATE waits instead.
_IMMEDIATE: dict[str, Any] = {"soundmill_begin": "BEGIN IMMEDIATE"}


def sqlite_url(path: Path) -> URL:
    """The address of an SQLite file, whatever characters its name has."""
    return URL.create("sqlite", database=str(path))


def close_to_others(path: Path) -> None:
    """An SQLite file that early versions made for all to read, with its password hashes, and what belongs to it."""
    for each in (path, *(path.with_name(path.name + more) for more in ("-wal", "-shm"))):
        with suppress(OSError):  # it isn't there, or isn't ours
            if (mode := each.stat().st_mode) & 0o007:
                each.chmod(stat.S_IMODE(mode) & ~0o007)


class Database:
    """Hands out transactions. Thread-safe; must not cross a fork.

    ``url`` is SQLAlchemy's: ``sqlite:////path/soundmill.db`` or ``postgresql+psycopg://…``. ``connections`` is how many may be
    open at a time; who waits longer than ten seconds for one gets ``Busy``. PostgreSQL ends a transaction that rests for ``rest`` between
    its statements: its locks are others'. ``Unreachable`` is raised when the database doesn't answer or has ended the transaction,
    ``DatabaseFull`` when its disk is full, ``DatabaseDamaged`` when SQLite's file is. Raises ``ConfigurationError`` for a ``url`` that is none.
    """

    def __init__(self, url: str | URL, *, connections: int = 20, rest: timedelta = _REST) -> None:
        self.url = _understood(url)
        self._rest = rest
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        lookups = 0 if self.is_sqlite else max(1, connections // _SHARE_OF_LOOKUPS)
        self._engine = self._made_engine(max(1, connections - lookups))
        self._lookups = self._made_engine(lookups) if lookups else self._engine
        event.listen(self._engine, "begin", _begin)
        # SQLite lets one write at a time and makes the others poll; within a process a lock is fairer and quicker.
        self._writing: Any = threading.Lock() if self.is_sqlite else nullcontext()
        if self.is_sqlite:
            event.listen(self._engine, "connect", _prepare_sqlite)
        else:
            event.listen(self._lookups, "connect", _plan_by_indexes)

    def _made_engine(self, connections: int) -> Engine:
        made = create_engine(
            self.url,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=_POOL_SECONDS,
            pool_reset_on_return=None,  # every transaction below is ended where it was begun
            connect_args=self._connecting(),
            paramstyle=_BY_NAME[self.url.get_backend_name()],
        )
        if not self.is_sqlite:
            event.listen(made, "connect", self._limit_rest)
            event.listen(made, "checkin", _note_when)
            event.listen(made, "checkout", self._check_after_a_rest)
        return made

    def _connecting(self) -> dict[str, Any]:
        how = _NO_BEGIN[self.url.get_backend_name()]
        if self.is_sqlite:
            return how
        # What the address says of it stands over this.
        return how | {key: value for key, value in _PATIENCE.items() if key not in self.url.query}

    def _limit_rest(self, dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
        cursor = dbapi_connection.cursor()
        milliseconds = round(self._rest.total_seconds() * 1000)
        cursor.execute(f"SET idle_in_transaction_session_timeout = {milliseconds}")
        cursor.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and changes nothing."""
        with _our_errors(), self._engine.connect() as connection, connection.begin():
            yield connection

    def look(self, lookup: Lookup, given: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """The rows of one SELECT, which sees one state of the database by itself."""
        with _our_errors():
            try:
                return self._looked(lookup, given)
            except self._engine.dialect.loaded_dbapi.Error:
                # Nothing was changed, so it may be asked again; SQLAlchemy knows what the error says of the other connections.
                with self._lookups.connect() as connection:
                    return [tuple(row) for row in connection.execute(lookup.statement, given)]

    def _looked(self, lookup: Lookup, given: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        statement, constants = lookup.compiled(self._engine.dialect)
        connection = self._lookups.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(statement, {**constants, **given})
            return cursor.fetchall()
        except self._engine.dialect.loaded_dbapi.Error as error:
            is_over = self._engine.dialect.is_disconnect(error, connection.dbapi_connection, None)
            connection.invalidate(error)
            if is_over:
                self.dispose()  # the others have most likely been closed, too
            raise
        finally:
            connection.close()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at the end, or rolls back when an error leaves it."""
        with _our_errors(), self._writing, self._engine.connect() as connection:
            if self.is_sqlite:
                connection.execution_options(**_IMMEDIATE)
            with connection.begin():
                yield connection

    def lock(self, connection: Connection, name: str) -> None:
        """Let nobody else hold ``name`` until the transaction ends. On SQLite the only writer holds it already."""
        if not self.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})

    def check(self) -> None:
        """Prove that it answers and takes changes; raises ``Unreachable``, or what the driver raises."""
        with self.reading() as connection:
            if self.is_sqlite:
                connection.execute(text("SELECT 1"))
            elif connection.execute(text("SHOW transaction_read_only")).scalar_one() == "on":
                raise _read_only("transaction_read_only is on")

    def _check_after_a_rest(self, dbapi_connection: Any, record: ConnectionPoolEntry, proxy: object) -> None:
        # SQLAlchemy's pool_pre_ping asks each time, and that is half of what a short query costs.
        if time.monotonic() - record.info.get(_USED_AT, 0) < _FRESH_SECONDS:
            return
        try:
            is_alive = self._engine.dialect.do_ping(dbapi_connection)
        except self._engine.dialect.loaded_dbapi.Error:
            is_alive = False
        if not is_alive:
            raise DisconnectionError  # the pool connects anew, and asks again

    def dispose(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        self._lookups.dispose()


def _understood(url: str | URL) -> URL:
    try:
        understood = make_url(url)
    except (ArgumentError, ValueError):
        understood = None
    if understood is None or understood.drivername not in _DRIVERS:
        # It isn't repeated: it holds a password.
        raise ConfigurationError(
            "SOUNDMILL_DATABASE_URL isn't understood: it must be postgresql+psycopg://user:password@host:port/database."
        ) from None
    return understood


def _read_only(detail: str) -> Unreachable:
    return Unreachable("The database takes no changes just now: it is a standby, or read-only.", detail_for_log=detail)


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise Busy("Too much is going on. Try again in a moment.", timedelta(seconds=1)) from error
    except (OperationalError, InterfaceError) as error:
        if {getattr(error.orig, "sqlite_errorcode", None), getattr(error.orig, "sqlstate", None)} & _FULL:
            raise DatabaseFull(
                "The database's disk is full: nothing was changed. Free some space, or try again later.",
                detail_for_log=str(error.orig),
            ) from error
        detail = str(error.orig)
        if getattr(error.orig, "sqlite_errorcode", None) in _UNSUITED:
            detail += "; this file system is none for SQLite: give it another with SOUNDMILL_DATABASE_URL=sqlite:////path/soundmill.db"
        raise Unreachable("The database doesn't answer.", detail_for_log=detail) from error
    except DatabaseError as error:
        if getattr(error.orig, "sqlstate", None) == _READ_ONLY:
            raise _read_only(str(error.orig)) from error
        if getattr(error.orig, "sqlstate", None) == _RESTED:
            raise Unreachable("The database doesn't answer.", detail_for_log=str(error.orig)) from error
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            raise DatabaseDamaged(
                "The database is damaged: restore it from a backup.", detail_for_log=str(error.orig)
            ) from error
        raise


def _plan_by_indexes(connection: Any, record: ConnectionPoolEntry) -> None:
    """Each lookup is planned once a connection, and that plan is good for tables of any size.

    By itself PostgreSQL plans the page of a small table anew each time, which takes as long as fetching it (0.6 ms instead of 0.25).
    Told to plan it once, it may have done so for tables that were still empty: then it read them whole for a minute.
    """
    cursor = connection.cursor()
    cursor.execute("SET plan_cache_mode = force_generic_plan")
    # Of a LIMIT that it doesn't know PostgreSQL fears the worst, and starts compilers and processes for it: five milliseconds.
    cursor.execute("SET jit = off")
    cursor.execute("SET max_parallel_workers_per_gather = 0")
    for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin", "sort", "incremental_sort"):
        cursor.execute(f"SET enable_{way} = off")
    cursor.close()


def _note_when(_dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[_USED_AT] = time.monotonic()


def _prepare_sqlite(connection: Any, record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # FULL: a commit that was answered survives a power cut (NORMAL may lose the last ones in WAL mode).
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("soundmill_begin", "BEGIN"))
