"""The tables. What a migration makes must equal this; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from soundmill.adapters.database.clock import Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite numbers rows by itself only in a column declared INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")

accounts = Table(
    "accounts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("username", String(150), nullable=False),
    Column(
        "username_key",
        String(450),
        nullable=False,
        unique=True,
        doc="NFKC, case-folded",
    ),
    Column("email", String(254), nullable=False),
    Column("email_key", String(762), nullable=False, unique=True),
    Column("password_hash", String(255), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("used_bytes", BigInteger, nullable=False, server_default="0", doc="the sum of its files' sizes"),
    sqlite_autoincrement=True,
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("token_id", String(64), primary_key=True),
    Column(
        "expires_at",
        Instant,
        nullable=False,
        index=True,
        doc="a day after this the row may go",
    ),
)

files = Table(
    "files",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("account_id", ForeignKey(accounts.c.id, ondelete="CASCADE"), nullable=False),
    Column("name", String(512), nullable=False),
    Column(
        "key",
        String(128),
        unique=True,
        doc="in the storage; NULL while a result isn't published",
    ),
    Column("size", BigInteger),
    Column("sha256", String(64)),
    Column("sound", JSON(none_as_null=True), doc="SoundFacts, once decoded"),
    Column("waveform", JSON(none_as_null=True), doc="Waveform; never read with lists: it is kilobytes"),
    Column("created_at", Instant, nullable=False),
    Column(
        "joined_to",
        ForeignKey("files.id", ondelete="CASCADE"),
        doc="the first of the sources that are joined, which the others follow by rising id; NULL for all else",
    ),
    Column("given_name", String(512), doc="what one of several joined sources was called; its name may have a number"),
    UniqueConstraint("account_id", "name"),
    sqlite_autoincrement=True,
)

name_counters = Table(
    "name_counters",
    metadata,
    Column("account_id", ForeignKey(accounts.c.id, ondelete="CASCADE"), primary_key=True),
    Column("name", String(512), primary_key=True),
    Column(
        "last",
        Integer,
        nullable=False,
        doc="the last n of “name (n)” that was given out",
    ),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("account_id", ForeignKey(accounts.c.id, ondelete="CASCADE"), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False, doc="SHA-256 of what was asked for"),
    Column("task_ids", JSON, nullable=False, doc="of the first request with this key"),
    Column("created_at", Instant, nullable=False, index=True),
)

storages = Table(
    "storages",
    metadata,
    Column("identity", String(32), primary_key=True, doc="of the one storage that the files lie in"),
    Column("is_marked", Boolean, nullable=False, doc="its directory has a file that says so"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("account_id", ForeignKey(accounts.c.id, ondelete="CASCADE"), nullable=False),
    Column("source_id", ForeignKey(files.c.id), nullable=False, index=True),
    Column("result_id", ForeignKey(files.c.id), nullable=False, index=True),
    Column("new_format", String(16), nullable=False),
    Column("options", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("progress", Float, nullable=False),
    Column("attempt", Integer, nullable=False, doc="the fencing token; only grows"),
    Column("tries", Integer, nullable=False, doc="attempts that count against the limit"),
    Column("rank", BigInteger, nullable=False, doc="place in the fair queue"),
    Column("due_at", Instant, nullable=False),
    Column("lease_owner", String(128)),
    Column("lease_until", Instant),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("not_carried", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("asked_at", Instant, doc="when it was asked for anew, if it was"),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("traceparent", String(55), doc="of the request that asked for it, as W3C Trace Context has it"),
    sqlite_autoincrement=True,
)

helped_tasks = Table(
    "helped_tasks",
    metadata,
    Column("task_id", ForeignKey(tasks.c.id, ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, nullable=False, doc="which has pieces for others"),
    Column("build", String(255), nullable=False, doc="of the engine that cuts them"),
)

seats = Table(
    "seats",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("task_id", ForeignKey(helped_tasks.c.task_id, ondelete="CASCADE"), nullable=False, index=True),
    Column("helper", String(255), nullable=False, index=True),
    Column("seen_at", Instant, nullable=False, doc="when its helper was last heard of"),
    Column("work", String(128), doc="the piece's key in the storage"),
    Column("given_at", Instant),
    Column("answer", String(128), doc="the key of what became of it"),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("account_id", ForeignKey(accounts.c.id, ondelete="CASCADE"), nullable=False),
    Column("task_id", BigInteger, nullable=False, doc="which may be gone since"),
    Column("attempt", Integer, nullable=False, doc="which ended: one event each"),
    Column("status", String(16), nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
    UniqueConstraint("task_id", "attempt"),
    Index(None, "account_id", "id"),
    sqlite_autoincrement=True,
)

# Partial: most files are joined to none, and cost it nothing.
_JOINED = files.c.joined_to.is_not(None)
Index(None, files.c.joined_to, sqlite_where=_JOINED, postgresql_where=_JOINED)

_WAITING = text("status = 'uploaded'")
_RUNNING = text("status = 'processing'")
_FINAL = text("status IN ('processed', 'failed', 'cancelled')")

Index("ix_tasks_account_id", tasks.c.account_id, tasks.c.id)
Index("ix_tasks_account_status", tasks.c.account_id, tasks.c.status, tasks.c.id)
# Partial, so that a claim costs the same however many tasks are done.
Index(
    "ix_tasks_waiting",
    tasks.c.rank,
    tasks.c.id,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)
Index(
    "ix_tasks_waiting_of",
    tasks.c.account_id,
    tasks.c.rank,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)
Index(
    "ix_tasks_leases",
    tasks.c.lease_until,
    sqlite_where=_RUNNING,
    postgresql_where=_RUNNING,
)
Index(
    "ix_tasks_finished",
    tasks.c.finished_at,
    sqlite_where=_FINAL,
    postgresql_where=_FINAL,
)
