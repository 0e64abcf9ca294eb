"""How often and when a failed conversion is tried again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from soundmill.model.conversion import Failure, FailureCode
from soundmill.model.tasks import RetryRule, Verdict

RULE = RetryRule(
    most_tries=3,
    first_pause=timedelta(seconds=5),
    longest_pause=timedelta(minutes=1),
    storage_pause=timedelta(seconds=9),
    storage_patience=timedelta(hours=1),
)
PATIENT = replace(RULE, most_tries=10**7)
CRASHED = Failure(FailureCode.CRASHED, "crashed", retryable=True)
NOW = timedelta(0)


def test_pauses_double_up_to_the_longest() -> None:
    pauses = [PATIENT.after(CRASHED, tries, NOW).pause for tries in range(1, 7)]
    assert pauses == [timedelta(seconds=each) for each in (5, 10, 20, 40, 60, 60)]


@given(st.integers(min_value=1, max_value=10**6))
def test_no_pause_is_longer_than_the_longest(tries: int) -> None:
    pause = PATIENT.after(CRASHED, tries, NOW).pause
    assert pause is not None
    assert RULE.first_pause <= pause <= RULE.longest_pause


def test_what_can_not_get_better_is_given_up_at_once() -> None:
    damaged = Failure(FailureCode.DAMAGED_INPUT, "damaged")
    assert RULE.after(damaged, 1, NOW) == Verdict(None)
    assert [RULE.after(CRASHED, tries, NOW).pause is None for tries in (1, 2, 3)] == [False, False, True]


def test_a_storage_that_is_away_is_waited_out_and_nobodys_try() -> None:
    full = Failure(FailureCode.STORAGE, "The storage is full.", retryable=True)
    assert RULE.after(full, 1000, timedelta(minutes=3)) == Verdict(timedelta(seconds=9), counts=False)
    assert RULE.after(full, 1000, timedelta(minutes=10)) == Verdict(timedelta(seconds=30), counts=False)
    assert RULE.after(full, 1000, timedelta(minutes=59)) == Verdict(timedelta(minutes=2, seconds=57), counts=False)
    assert RULE.after(full, 1, timedelta(minutes=60)).pause is None
    old = replace(RULE, storage_patience=timedelta(days=1)).after(full, 1, timedelta(hours=23))
    assert old == Verdict(timedelta(minutes=6), counts=False)
