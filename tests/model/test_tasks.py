"""How often and when a failed conversion is tried again."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from soundmill.model.conversion import Failure, FailureCode
from soundmill.model.tasks import RetryRule

RULE = RetryRule(most_tries=3, first_pause=timedelta(seconds=5), longest_pause=timedelta(minutes=1))


def test_pauses_double_up_to_the_longest() -> None:
    assert [RULE.pause_after(tries).total_seconds() for tries in range(1, 7)] == [5, 10, 20, 40, 60, 60]


@given(st.integers(min_value=1, max_value=10**6))
def test_no_pause_is_longer_than_the_longest(tries: int) -> None:
    assert RULE.first_pause <= RULE.pause_after(tries) <= RULE.longest_pause


def test_what_can_not_get_better_is_given_up_at_once() -> None:
    damaged = Failure(FailureCode.DAMAGED_INPUT, "damaged")
    crashed = Failure(FailureCode.CRASHED, "crashed", retryable=True)
    assert RULE.gives_up(damaged, 1)
    assert [RULE.gives_up(crashed, tries) for tries in (1, 2, 3)] == [False, False, True]
