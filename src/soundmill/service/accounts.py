"""Signing up, logging in and out, and who is asking."""

from __future__ import annotations

import hashlib

from soundmill.model.credentials import LONGEST_KEY, SignUp, check_sign_up, name_key
from soundmill.model.errors import AlreadyTaken, KeyReused, NotAuthenticated
from soundmill.service.ports import (
    Account,
    AccountStore,
    OnceMemory,
    Passwords,
    Throttle,
    Token,
    TokenMint,
)


class Accounts:
    """The use cases of accounts.

    ``narrow`` limits logins to one account from one address; ``wide`` those to one account from anywhere and those from one
    address. The wide one is generous: a stranger who fails often must not lock the owner out.
    """

    def __init__(
        self,
        store: AccountStore,
        passwords: Passwords,
        mint: TokenMint,
        keys: OnceMemory,
        *,
        narrow: Throttle,
        wide: Throttle,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._mint = mint
        self._keys = keys
        self._narrow = narrow
        self._wide = wide

    def sign_up(
        self, username: str, password1: str, password2: str, email: str, address: str, key: str | None = None
    ) -> Account:
        """A new account. ``key`` is the client's idempotency key: the same request with it gives the account that the first one made.

        Raises ``InvalidRequest`` with a message a field, ``AlreadyTaken``, ``KeyReused``, or ``TryLater``.
        """
        wanted = check_sign_up(username, password1, password2, email)
        try:
            self._store.refuse_taken(wanted.username, wanted.email)
            self._wide.hit(f"sign-up from {address}")  # each costs a hash, and that is dear on purpose
            return self._store.add(wanted.username, wanted.email, self._passwords.hash(wanted.password), key)
        except AlreadyTaken:
            made = self._made_before(wanted, address, key) if key else None
            if made is None:
                raise
            return made

    def _made_before(self, wanted: SignUp, address: str, key: str) -> Account | None:
        account, password_hash = self._store.find(wanted.username) or (None, None)
        if account is None or not self._keys.knows(account.id, key):
            return None
        self._wide.hit(f"sign-up from {address}")
        # The password isn't in what is remembered of the request: a plain digest of it would be worth stealing.
        if account.email != wanted.email or not self._passwords.verify(wanted.password, password_hash):
            raise KeyReused
        return account

    def log_in(self, username: str, password: str, address: str) -> Token:
        """A token for the account of that name or e-mail; ``address`` is the client's, for the limits.

        Raises ``NotAuthenticated``, the same for an unknown name and a wrong password, or ``TryLater``.
        """
        name = hashlib.sha256(name_key(username).encode()).hexdigest()  # of one length, whatever is sent
        self._wide.hit(f"address {address}")
        self._narrow.hit(f"{name} from {address}")
        self._wide.hit(f"account {name}")
        found = None if len(username) > LONGEST_KEY else self._store.find(username)
        account, password_hash = found or (None, None)
        if not self._passwords.verify(password, password_hash) or account is None or password_hash is None:
            raise NotAuthenticated("The name or the password is wrong.")
        if self._passwords.is_outdated(password_hash):
            self._store.replace_hash(account.id, self._passwords.hash(password))
        return self._mint.issue(account.id)

    def authenticate(self, token_text: str) -> tuple[Account, Token]:
        """Who holds this token. Raises ``NotAuthenticated`` when it is wrong, expired or revoked."""
        token = self.read(token_text)
        return self.holder(token), token

    def read(self, token_text: str) -> Token:
        """This token, which may be revoked. Raises ``NotAuthenticated`` when it is wrong or expired."""
        token = self._mint.read(token_text)
        if token is None:
            raise _not_logged_in()
        return token

    def holder(self, token: Token) -> Account:
        """Who holds it. Raises ``NotAuthenticated`` when it is revoked."""
        account = self._store.get(token.account_id, token.id)
        if account is None:
            raise _not_logged_in()
        return account

    def log_out(self, token: Token) -> None:
        """Make the token stop working."""
        self._store.revoke(token.id, token.expires_at)


def _not_logged_in() -> NotAuthenticated:
    return NotAuthenticated("Log in first: the token is missing, wrong, expired or revoked.")
