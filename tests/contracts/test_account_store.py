"""What the account store guarantees, and what the use cases make of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from soundmill.adapters.database import Database, DatabaseAccounts, DatabaseTasks
from soundmill.adapters.security import Argon2Passwords, JwtMint, WindowThrottle
from soundmill.model.errors import (
    AlreadyTaken,
    InvalidRequest,
    KeyReused,
    NotAuthenticated,
    TryLater,
)
from soundmill.service.accounts import Accounts
from tests.waiting import until

GOOD = "correct horse"


@pytest.fixture
def store(database: Database) -> DatabaseAccounts:
    return DatabaseAccounts(database)


def accounts(store: DatabaseAccounts, lifetime: timedelta = timedelta(hours=1)) -> Accounts:
    return Accounts(
        store,
        Argon2Passwords(),
        JwtMint(b"k" * 32, lifetime),
        DatabaseTasks(store._database, queue_cap=1000),
        narrow=WindowThrottle("3/minute"),
        wide=WindowThrottle("100/minute"),
    )


def test_names_and_addresses_are_unique_whatever_their_case(
    store: DatabaseAccounts,
) -> None:
    store.add("Straße", "Me@Example.org", "hash")
    for name, address, field in (
        ("STRASSE", "x@example.org", "username"),
        ("y", "me@EXAMPLE.org", "email"),
    ):
        with pytest.raises(AlreadyTaken) as refused:
            store.add(name, address, "hash")
        assert [each.field for each in refused.value.fields] == [field]


def test_of_two_at_once_one_gets_the_name(store: DatabaseAccounts) -> None:
    def try_to_add(number: int) -> bool:
        try:
            store.add("ann", f"{number}@example.org", "hash")
        except AlreadyTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_to_add, range(8))) == 1


def test_an_account_is_found_by_name_and_by_address(store: DatabaseAccounts) -> None:
    added = store.add("Ann", "ann@example.org", "the hash")
    assert store.find("ANN") == store.find("Ann@Example.org") == (added, "the hash")
    assert store.find("bob") is None


def test_a_revoked_token_stays_revoked_until_it_has_expired_by_any_clock(
    store: DatabaseAccounts,
) -> None:
    added = store.add("Ann", "ann@example.org", "hash")
    assert store.get(added.id, "token") == added
    store.revoke("token", datetime.now(UTC) + timedelta(hours=1))
    store.revoke("token", datetime.now(UTC) + timedelta(hours=1))
    # The API judges by its own clock whether a token has expired, and that may be behind the database's.
    store.revoke("expired here", datetime.now(UTC) - timedelta(hours=1))
    store.revoke("old", datetime.now(UTC) - timedelta(days=2))
    store.forget_expired_tokens()
    assert store.get(added.id, "token") is None
    assert store.get(added.id, "expired here") is None
    assert store.get(added.id, "old") == added


def test_from_sign_up_to_log_out(store: DatabaseAccounts) -> None:
    service = accounts(store)
    made = service.sign_up("Ann", GOOD, GOOD, "ann@example.org", "192.0.2.1")
    token = service.log_in("ann", GOOD, "10.0.0.1")
    assert service.authenticate(token.text) == (made, token)
    service.log_out(token)
    with pytest.raises(NotAuthenticated):
        service.authenticate(token.text)


def test_a_sign_up_with_a_key_makes_one_account_however_often_it_is_sent(store: DatabaseAccounts) -> None:
    service = accounts(store)
    given = ("Ann", GOOD, GOOD, "ann@example.org", "192.0.2.1")
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda key: service.sign_up(*given, key), ["k", "k"])
    assert first == second == service.sign_up(*given, "k")
    for other in ("another key", None):
        with pytest.raises(AlreadyTaken):
            service.sign_up(*given, other)
    for wrong in (("Ann", "a wrong one", "a wrong one", "ann@example.org"), ("Ann", GOOD, GOOD, "x@example.org")):
        with pytest.raises(KeyReused):
            service.sign_up(*wrong, "192.0.2.1", "k")


def test_an_expired_or_altered_token_is_refused(store: DatabaseAccounts) -> None:
    service = accounts(store, lifetime=timedelta(seconds=-1))
    service.sign_up("Ann", GOOD, GOOD, "ann@example.org", "192.0.2.1")
    expired = service.log_in("Ann", GOOD, "10.0.0.1").text
    header, _, signature = expired.split(".")
    unsigned = "eyJhbGciOiJub25lIn0"
    for text in (
        expired,
        "",
        "x.y.z",
        f"{unsigned}.{expired.split('.')[1]}.",
        f"{header}.e30.{signature}",
    ):
        with pytest.raises(NotAuthenticated):
            service.authenticate(text)


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(
    store: DatabaseAccounts,
) -> None:
    service = accounts(store)
    service.sign_up("Ann", GOOD, GOOD, "ann@example.org", "192.0.2.1")
    answers = set()
    for name in ("Ann", "Nobody"):
        with pytest.raises(NotAuthenticated) as refused:
            service.log_in(name, "wrong password", "10.0.0.1")
        answers.add(refused.value.message)
    assert len(answers) == 1


def test_logins_are_limited_per_account_and_address(store: DatabaseAccounts) -> None:
    service = accounts(store)
    service.sign_up("Ann", GOOD, GOOD, "ann@example.org", "192.0.2.1")
    for _ in range(3):
        with pytest.raises(NotAuthenticated):
            service.log_in("Ann", "wrong password", "10.0.0.1")
    with pytest.raises(TryLater) as refused:
        service.log_in("ann ", GOOD, "10.0.0.1")
    assert timedelta(0) < refused.value.retry_after <= timedelta(minutes=1)
    assert service.log_in("Ann", GOOD, "10.0.0.2").text


def test_processes_that_count_for_themselves_share_a_limit() -> None:
    shares = [WindowThrottle("10/minute", processes=2) for _ in range(2)]
    for throttle in shares * 5:
        throttle.hit("ann")
    for throttle in shares:
        with pytest.raises(TryLater):
            throttle.hit("ann")


def test_a_token_that_was_read_before_still_expires() -> None:
    mint = JwtMint(b"k" * 32, timedelta(seconds=10))
    token = mint.issue(1)
    assert mint.read(token.text) == token
    until(lambda: mint.read(token.text) is None)


@pytest.mark.parametrize(
    ("username", "password1", "password2", "email", "field"),
    [
        ("", GOOD, GOOD, "a@example.org", "username"),
        ("a@b", GOOD, GOOD, "a@example.org", "username"),
        ("a\u202eb", GOOD, GOOD, "a@example.org", "username"),
        ("ann", GOOD, GOOD + "x", "a@example.org", "password2"),
        ("ann", "short", "short", "a@example.org", "password1"),
        ("ann", "password", "password", "a@example.org", "password1"),
        ("annannannb", "AnnAnnAnnB", "AnnAnnAnnB", "a@example.org", "password1"),
        ("ann", "aaaaaaaaaaaa", "aaaaaaaaaaaa", "a@example.org", "password1"),
        ("ann", GOOD, GOOD, "nonsense", "email"),
    ],
)
def test_a_bad_sign_up_names_its_field(
    store: DatabaseAccounts,
    username: str,
    password1: str,
    password2: str,
    email: str,
    field: str,
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        accounts(store).sign_up(username, password1, password2, email, "192.0.2.1")
    assert [each.field for each in refused.value.fields] == [field]
