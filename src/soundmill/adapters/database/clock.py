"""The database's clock, the only one that decides due times, leases and expiry (several machines never agree)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Dialect, TypeDecorator, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class Instant(TypeDecorator[datetime]):
    """A point in time, stored as whole milliseconds since 1970 (UTC): arithmetic reads the same on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Aware datetimes only: a naive one has no place in time."""
        return None if value is None else round(value.timestamp() * 1000)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Always in UTC."""
        return None if value is None else from_milliseconds(value)


def from_milliseconds(since_1970: int) -> datetime:
    """What the number in an :class:`Instant`'s column means."""
    return datetime.fromtimestamp(since_1970 / 1000, UTC)


class Now(FunctionElement[datetime]):
    """The moment of execution (not of the transaction's start) as an :class:`Instant`."""

    type = Instant()
    inherit_cache = True
    name = "now"


@compiles(Now, "sqlite")
def _now_in_sqlite(element: Now, compiler: SQLCompiler, **kwargs: Any) -> str:
    # unixepoch('subsec') would be plainer but needs SQLite 3.42; Debian 12 has 3.40.
    return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(Now, "postgresql")
def _now_in_postgresql(element: Now, compiler: SQLCompiler, **kwargs: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


class _Later(FunctionElement[datetime]):
    type = Instant()
    inherit_cache = True
    name = "later"


@compiles(_Later)
def _later(element: _Later, compiler: SQLCompiler, **kwargs: Any) -> str:
    now, milliseconds = element.clauses
    return f"({compiler.process(now, **kwargs)} + {compiler.process(milliseconds, **kwargs)})"


def now() -> ColumnElement[datetime]:
    """The database's present."""
    return Now()


def from_now(delay: timedelta) -> ColumnElement[datetime]:
    """The database's present plus ``delay``, which may be negative."""
    return _Later(Now(), literal(round(delay.total_seconds() * 1000), BigInteger))
