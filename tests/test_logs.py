"""What the processes write to their logs, and how often."""

from __future__ import annotations

from soundmill.logs import Seldom


def test_the_same_trouble_is_told_once_in_a_while_and_another_at_once() -> None:
    troubles = Seldom(pause_seconds=1000)
    assert [troubles.may_tell(what) for what in ("broker", "broker", "storage", "broker")] == [True, False, True, False]


def test_without_a_pause_all_is_told() -> None:
    troubles = Seldom(pause_seconds=0)
    assert troubles.may_tell("broker")
    assert troubles.may_tell("broker")
