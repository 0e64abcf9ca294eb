"""The page and its files, and its session: a cookie that no script can read, with a CSRF token for every change."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from soundmill.api.authentication import SESSION_COOKIE, caller, csrf_token
from soundmill.api.services import services
from soundmill.api.shapes import storable
from soundmill.model.errors import InvalidRequest, NotAuthenticated
from soundmill.service.ports import Account, Token
from soundmill.web.reference import reference

_HEADERS = {
    # All of the page comes from here, and nothing of it is inline: a name that holds markup can't run anything.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # asked for again by its ETag: an upgrade is seen at once
}


def page_blueprint() -> Blueprint:
    """``/``, its files below ``/web/static``, ``/web/session``, and ``/api/docs``."""
    page = Blueprint(
        "page", __name__, static_folder="static", static_url_path="/web/static", template_folder="templates"
    )
    page.add_url_rule("/", view_func=lambda: page.send_static_file("index.html"), endpoint="index")
    page.add_url_rule("/api/docs", view_func=reference)
    page.add_url_rule("/web/session", view_func=log_in, methods=["POST"])
    page.add_url_rule("/web/session", view_func=who, methods=["GET"])
    page.add_url_rule("/web/session", view_func=log_out, methods=["DELETE"])
    page.after_request(_with_headers)
    return page


def log_in() -> Response:
    """Begin a session. JSON only: another site's form can't send that."""
    given = request.get_json()
    name, password = (given.get(field) if isinstance(given, dict) else None for field in ("username", "password"))
    if not isinstance(name, str) or not isinstance(password, str):
        raise InvalidRequest("Give your name and your password.")
    try:
        storable(name + password)
    except ValueError as error:
        raise InvalidRequest(str(error)) from error
    accounts = services().accounts
    token = accounts.log_in(name, password, request.remote_addr or "")
    account, _ = accounts.authenticate(token.text)
    answer = jsonify(_session(account, token))
    answer.set_cookie(
        SESSION_COOKIE,
        token.text,
        expires=token.expires_at,
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
    )
    return answer


def who() -> Response:
    """The session's account and CSRF token; ``account`` is null when there is no session."""
    try:
        return jsonify(_session(*caller()))
    except NotAuthenticated:
        return jsonify(account=None, csrfToken=None)


def log_out() -> Response:
    """End the session; its token stops working."""
    _, token = caller()
    services().accounts.log_out(token)
    answer = Response(status=204)
    answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="Strict", secure=request.is_secure)
    return answer


def _session(account: Account, token: Token) -> dict[str, Any]:
    shown = {"id": account.id, "username": account.username, "email": account.email}
    return {"account": shown, "csrfToken": csrf_token(token)}


def _with_headers(answer: Response) -> Response:
    answer.headers.update(_HEADERS)
    return answer
