"""Passwords by Argon2id (RFC 9106)."""

from __future__ import annotations

import secrets
import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY


class Argon2Passwords:
    """Implements :class:`~soundmill.service.ports.Passwords`.

    Each hash takes 64 MiB, so at most ``at_once`` run at a time and the others wait.
    """

    def __init__(self, *, at_once: int = 4) -> None:
        self._hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._turnstile = threading.BoundedSemaphore(at_once)

    def hash(self, password: str) -> str:
        """See the port."""
        with self._turnstile:
            return self._hasher.hash(password)

    def verify(self, password: str, password_hash: str | None) -> bool:
        """See the port. An unknown account costs a verification too, so that time tells nothing."""
        with self._turnstile:
            nobodys_hash = _nobodys_hash()  # by the first log-in, of whomever it is
            try:
                self._hasher.verify(password_hash or nobodys_hash, password)
            except (VerificationError, InvalidHashError):
                return False
        return password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """See the port."""
        return self._hasher.check_needs_rehash(password_hash)


@cache
def _nobodys_hash() -> str:
    """Of a password that nobody knows: verifying against it takes as long as against any other."""
    return PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY).hash(secrets.token_hex())
