"""Access tokens: JSON Web Tokens (RFC 7519) with one pinned algorithm."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import jwt

from soundmill.service.ports import Token

_ALGORITHM = "HS256"
_REQUIRED = ["sub", "jti", "exp"]
_REMEMBERED = 4096


class JwtMint:
    """Implements :class:`~soundmill.service.ports.TokenMint`. ``secret`` has 32 bytes or more (RFC 7518, 3.2)."""

    def __init__(self, secret: bytes, lifetime: timedelta) -> None:
        self._secret = secret
        self._lifetime = lifetime
        # The same few tokens come with request after request: a signature that was good stays good, only its time runs out.
        # Bad ones raise and aren't remembered: strangers can't fill the memory.
        self._verified = lru_cache(_REMEMBERED)(self._verify)

    def issue(self, account_id: int) -> Token:
        """See the port."""
        expires_at = datetime.now(UTC).replace(microsecond=0) + self._lifetime
        token_id = secrets.token_urlsafe(16)
        claims = {"sub": str(account_id), "jti": token_id, "exp": expires_at}
        return Token(
            jwt.encode(claims, self._secret, _ALGORITHM),
            token_id,
            account_id,
            expires_at,
        )

    def read(self, text: str) -> Token | None:
        """See the port."""
        try:
            token = self._verified(text)
        except (jwt.InvalidTokenError, ValueError):
            return None
        return token if datetime.now(UTC) < token.expires_at else None

    def _verify(self, text: str) -> Token:
        claims = jwt.decode(text, self._secret, [_ALGORITHM], options={"require": _REQUIRED})
        return Token(
            text,
            claims["jti"],
            int(claims["sub"]),
            datetime.fromtimestamp(claims["exp"], UTC),
        )
