"""What a user name, an e-mail address and a password must be."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from soundmill.model.errors import FieldError, InvalidRequest

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 256
LONGEST_USERNAME = 150
LONGEST_KEY = 450
"""Of a name's or address's key: one character may become eighteen."""
PASSWORD_RULES = (
    f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, at least 4 different ones, is not one of the most "
    "common, and is neither your name nor your e-mail address."
)

# The heads of the usual lists of leaked passwords, of 8 characters and more (NIST SP 800-63B, 5.1.1.2, asks for such a check).
_COMMON_WORDS = """
password password1 password12 password123 passw0rd 12345678 123456789 1234567890 qwertyui qwertyuiop qwerty12
qwerty123 1q2w3e4r 1qaz2wsx abcd1234 abc12345 a1b2c3d4 iloveyou sunshine princess football baseball superman
trustno1 letmein1 welcome1 admin123 administrator changeme starwars computer whatever 11111111 00000000
87654321 asdfghjk zxcvbnm1
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def name_key(name: str) -> str:
    """What makes two names or addresses the same: compatibility forms and case don't count."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


@dataclass(frozen=True, slots=True)
class SignUp:
    """A checked request for an account."""

    username: str
    email: str
    password: str


def check_sign_up(username: str, password1: str, password2: str, email: str) -> SignUp:
    """The same, normalised. Raises ``InvalidRequest`` with one entry a wrong field."""
    errors: list[FieldError] = []
    name = unicodedata.normalize("NFC", username).strip()
    if complaint := _username_complaint(name):
        errors.append(FieldError("username", complaint))
    try:
        address = validate_email(email.strip(), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        address = ""
        errors.append(FieldError("email", "This is not an e-mail address."))
    if _is_weak(password1, {name.casefold(), address.casefold()}):
        errors.append(FieldError("password1", PASSWORD_RULES))
    if password1 != password2:
        errors.append(FieldError("password2", "The two passwords differ."))
    if errors:
        raise InvalidRequest(" ".join(each.message for each in errors), tuple(errors))
    return SignUp(name, address, password1)


def _username_complaint(name: str) -> str | None:
    if not 1 <= len(name) <= LONGEST_USERNAME:
        return f"A name has 1 to {LONGEST_USERNAME} characters."
    # Compared are compatibility forms (NFKC): a full-width “＠” is one too.
    if "@" in name_key(name):
        return "A name has no “@”: one could take it for an e-mail address."
    if any(unicodedata.category(each).startswith("C") for each in name):
        return "A name has no control or invisible characters."
    if len(name_key(name)) > LONGEST_KEY:
        return f"A name has 1 to {LONGEST_USERNAME} characters."
    return None


def _is_weak(password: str, own: set[str]) -> bool:
    folded = password.casefold()
    return (
        not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD
        or len(set(password)) < 4
        or folded in _COMMON
        or folded in own
    )
