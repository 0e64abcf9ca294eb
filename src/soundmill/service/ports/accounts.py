"""Who may come in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may use the service, and how many bytes the account's files take."""

    id: int
    username: str
    email: str
    used_bytes: int


class AccountStore(Protocol):
    """Accounts and revoked tokens. Each method is one transaction."""

    def add(self, username: str, email: str, password_hash: str, key: str | None = None) -> Account:
        """A new account, and with it the idempotency key of the request. Raises ``AlreadyTaken`` naming the field, compared without regard to case."""
        ...

    def refuse_taken(self, username: str, email: str) -> None:
        """Raise ``AlreadyTaken`` as :meth:`add` would now."""
        ...

    def find(self, username_or_email: str) -> tuple[Account, str] | None:
        """The account and its password hash, by name or e-mail without regard to case."""
        ...

    def get(self, account_id: int, token_id: str) -> Account | None:
        """The account, unless it is gone or ``token_id`` was revoked."""
        ...

    def replace_hash(self, account_id: int, password_hash: str) -> None:
        """Store a hash made with newer parameters."""
        ...

    def revoke(self, token_id: str, expires_at: datetime) -> None:
        """Make a token stop working; remembered until a day after ``expires_at``. Twice is no error."""
        ...

    def forget_expired_tokens(self) -> None:
        """Drop the revocations of tokens that have expired by every API's clock, which may be up to a day behind the database's."""
        ...


class Passwords(Protocol):
    """Password hashing, deliberately slow."""

    def hash(self, password: str) -> str:
        """A salted hash that says its own parameters."""
        ...

    def verify(self, password: str, password_hash: str | None) -> bool:
        """True when they belong together. ``None`` takes as long as a wrong password and is False."""
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """True when it was made with weaker parameters than today's."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token: ``text`` is what the client holds, ``id`` is what a revocation names."""

    text: str
    id: str
    account_id: int
    expires_at: datetime


class TokenMint(Protocol):
    """Makes tokens and reads only those that it made."""

    def issue(self, account_id: int) -> Token:
        """A fresh token with its expiry."""
        ...

    def read(self, text: str) -> Token | None:
        """What the token says, or ``None`` when it isn't ours, was altered, or has expired."""
        ...


class Throttle(Protocol):
    """Counts events by key over a moving window."""

    def hit(self, *keys: str) -> None:
        """Count one event under each key. Raises ``TryLater`` when one is over its limit."""
        ...
