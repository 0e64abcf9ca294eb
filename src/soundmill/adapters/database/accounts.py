"""Accounts and revoked tokens in the database."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from soundmill.adapters.database.clock import from_now, now
from soundmill.adapters.database.connection import Database
from soundmill.adapters.database.lookup import IS_NOT_REVOKED, Lookup
from soundmill.adapters.database.once import remember
from soundmill.adapters.database.schema import accounts, revoked_tokens
from soundmill.model.credentials import name_key
from soundmill.model.errors import AlreadyTaken, FieldError
from soundmill.service.ports import Account, Once

# Tokens expire by the clock of the API that is asked (they are read without the database), revocations go by the database's:
# one that went as soon as its token had expired here let the token in again where it is still earlier.
_CLOCKS_APART = timedelta(days=1)

# No request about tasks has this fingerprint: the key of a sign-up is that of nothing else.
_SIGN_UP = "sign-up"

# Asked for with most requests.
_HOLDER = Lookup(
    select(accounts.c.id, accounts.c.username, accounts.c.email, accounts.c.used_bytes).where(
        accounts.c.id == bindparam("account"), IS_NOT_REVOKED
    )
)


class DatabaseAccounts:
    """Implements :class:`~soundmill.service.ports.AccountStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, username: str, email: str, password_hash: str, key: str | None = None) -> Account:
        """See the port. Two at once with one name: the unique constraint decides."""
        row = {
            "username": username,
            "username_key": name_key(username),
            "email": email,
            "email_key": name_key(email),
            "password_hash": password_hash,
            "created_at": now(),
        }
        self.refuse_taken(username, email)
        try:
            with self._database.writing() as connection:
                added = connection.execute(insert(accounts).values(row).returning(accounts.c.id)).scalar_one()
                if key:
                    remember(connection, added, Once(key, _SIGN_UP), [])
        except IntegrityError:
            self.refuse_taken(username, email)
            raise
        return Account(added, username, email, used_bytes=0)

    def find(self, username_or_email: str) -> tuple[Account, str] | None:
        """See the port."""
        key = name_key(username_or_email)
        # A name has no “@”: so no name can stand before somebody's address.
        column = accounts.c.email_key if "@" in key else accounts.c.username_key
        wanted = select(accounts).where(column == key)
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        if row is None:
            return None
        return Account(row.id, row.username, row.email, row.used_bytes), row.password_hash

    def get(self, account_id: int, token_id: str) -> Account | None:
        """See the port."""
        found = self._database.look(_HOLDER, {"account": account_id, "token": token_id})
        return Account(*found[0]) if found else None

    def replace_hash(self, account_id: int, password_hash: str) -> None:
        """See the port."""
        with self._database.writing() as connection:
            connection.execute(update(accounts).where(accounts.c.id == account_id).values(password_hash=password_hash))

    def revoke(self, token_id: str, expires_at: datetime) -> None:
        """See the port."""
        with self._database.writing() as connection:
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            row = dialect.insert(revoked_tokens).values(token_id=token_id, expires_at=expires_at)
            connection.execute(row.on_conflict_do_nothing())

    def forget_expired_tokens(self) -> None:
        """See the port."""
        with self._database.writing() as connection:
            connection.execute(delete(revoked_tokens).where(revoked_tokens.c.expires_at < from_now(-_CLOCKS_APART)))

    def refuse_taken(self, username: str, email: str) -> None:
        """See the port."""
        names = select(accounts.c.id).where(accounts.c.username_key == name_key(username))
        addresses = select(accounts.c.id).where(accounts.c.email_key == name_key(email))
        with self._database.reading() as connection:
            taken = [
                FieldError(field, message)
                for field, message, query in (
                    ("username", "This name is taken.", names),
                    (
                        "email",
                        "There is an account with this e-mail address.",
                        addresses,
                    ),
                )
                if connection.execute(query).first()
            ]
        if taken:
            raise AlreadyTaken(" ".join(each.message for each in taken), tuple(taken))
