"""The key by which a client sends a request again after a lost answer."""

from __future__ import annotations

from flask import request

from soundmill.model.errors import InvalidRequest

_LONGEST_KEY = 255


def idempotency_key() -> str | None:
    """The request's, or ``None``. Raises ``InvalidRequest``."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (1 <= len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        raise InvalidRequest(f"An Idempotency-Key has 1 to {_LONGEST_KEY} printable ASCII characters.")
    return key
