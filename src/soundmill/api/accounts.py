"""Sign-up, log-in, log-out, and who am I."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apiflask import APIBlueprint
from flask import request

from soundmill.api.authentication import caller, signed_in
from soundmill.api.idempotency import idempotency_key
from soundmill.api.services import services
from soundmill.api.shapes import Shape, Text
from soundmill.model.credentials import PASSWORD_RULES
from soundmill.service.ports import Account

accounts = APIBlueprint("accounts", __name__, url_prefix="/api", tag="Accounts")


class SignUpIn(Shape):
    """A request for an account. The two passwords must agree."""

    username: Text
    password1: Text
    password2: Text
    email: Text


class LoginIn(Shape):
    """A name or e-mail address, and the password."""

    username: Text
    password: Text


class AccountOut(Shape):
    """An account."""

    id: int
    username: str
    email: str


class QuotaOut(Shape):
    """Bytes that the account's files take (``used``), and that it may still upload; ``limit`` and ``left`` are null where there is none."""

    used: int
    limit: int | None
    left: int | None


class MeOut(AccountOut):
    """An account, as its owner sees it."""

    quota: QuotaOut


class TokenOut(Shape):
    """A bearer token and when it stops working."""

    token: str
    expires_at: datetime


@accounts.post("/auth/signup")
@accounts.output(AccountOut, 201)
@accounts.doc(summary="Sign up", description=PASSWORD_RULES, responses=[400, 409, 429])
@accounts.input(SignUpIn, location="json_or_form", arg_name="given")
def sign_up(given: SignUpIn) -> Account:
    """A new account."""
    return services().accounts.sign_up(
        given.username,
        given.password1,
        given.password2,
        given.email,
        request.remote_addr or "",
        idempotency_key(),
    )


@accounts.post("/auth/login")
@accounts.output(TokenOut)
@accounts.doc(summary="Log in", responses=[401, 429])
@accounts.input(LoginIn, location="json_or_form", arg_name="given")
def log_in(given: LoginIn) -> dict[str, Any]:
    """A token for the routes below."""
    token = services().accounts.log_in(given.username, given.password, request.remote_addr or "")
    return {"token": token.text, "expiresAt": token.expires_at}


@accounts.post("/auth/logout")
@accounts.output({}, 204)
@accounts.doc(summary="Log out")
@signed_in
def log_out(account: Account) -> str:
    """The token stops working."""
    services().accounts.log_out(caller()[1])
    return ""


@accounts.get("/me")
@accounts.output(MeOut)
@accounts.doc(summary="The account of the token, and what it may still upload")
@signed_in
def me(account: Account) -> MeOut:
    """Who am I."""
    quota = services().quota
    used = account.used_bytes
    shown = QuotaOut(used=used, limit=quota.limit_bytes, left=quota.left(used))
    return MeOut(id=account.id, username=account.username, email=account.email, quota=shown)
