"""Who is asking: a bearer token, or the page's cookie together with its CSRF token."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from functools import wraps
from typing import Any

from apiflask import HTTPTokenAuth
from flask import request

from soundmill.api.services import services
from soundmill.model.errors import NotAuthenticated
from soundmill.service.ports import Account, Token

SESSION_COOKIE = "soundmill_session"
CSRF_HEADER = "X-CSRF-Token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def signed_in(view: Callable[..., Any]) -> Callable[..., Any]:
    """Give the view its ``account``; without a good token it isn't called and nothing of the body is read."""

    @wraps(view)
    def checked(*arguments: Any, **named: Any) -> Any:
        account, _ = caller()
        return view(*arguments, account=account, **named)

    return _documented(checked, view)


def with_token(view: Callable[..., Any]) -> Callable[..., Any]:
    """Give the view its ``token``, which may be revoked: the view asks for that along with what it shows.

    For safe methods only: no CSRF token is needed.
    """

    @wraps(view)
    def checked(*arguments: Any, **named: Any) -> Any:
        text, is_bearer = _shown()
        token = services().accounts.read(text)
        if not is_bearer:
            _check_csrf(token)
        return view(*arguments, token=token, **named)

    return _documented(checked, view)


def caller() -> tuple[Account, Token]:
    """The account and token of this request. Raises ``NotAuthenticated``."""
    text, is_bearer = _shown()
    account, token = services().accounts.authenticate(text)
    if not is_bearer:
        _check_csrf(token)
    return account, token


def csrf_token(token: Token) -> str:
    """What a page that holds the session's cookie must send along with every change."""
    return hmac.new(services().csrf_secret, token.id.encode(), hashlib.sha256).hexdigest()


def _shown() -> tuple[str, bool]:
    """The token's text, and whether it came as a bearer's."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer.strip(), True
    return request.cookies.get(SESSION_COOKIE, ""), False


def _documented(checked: Callable[..., Any], view: Callable[..., Any]) -> Callable[..., Any]:
    # APIFlask reads this to say in the OpenAPI document that the route needs a token.
    vars(checked)["_spec"] = {**vars(view).get("_spec", {}), "auth": _bearer, "roles": []}
    return checked


def _check_csrf(token: Token) -> None:
    # Another site can make a browser send the cookie, but can neither read this value nor set a header of that name. What only reads needs none;
    # with that of another session it comes from a tab that doesn't know yet that somebody else has logged in.
    if request.method in _SAFE_METHODS and CSRF_HEADER not in request.headers:
        return
    if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), csrf_token(token).encode()):
        raise NotAuthenticated(f"The session's cookie needs the {CSRF_HEADER} header too.")


_bearer = HTTPTokenAuth(scheme="Bearer", description="The token of POST /api/auth/login.")
