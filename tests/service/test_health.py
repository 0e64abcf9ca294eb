"""Each part is tried, and one that hangs holds up nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from soundmill.model.errors import Unreachable
from soundmill.service.health import Health
from tests.waiting import until


class Hanging:
    """A probe that gives no answer until it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = threading.Event()

    def __call__(self) -> None:
        self.asked += 1
        self.go.wait()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    probe = Hanging()
    yield probe
    probe.go.set()


def fails() -> None:
    raise Unreachable("It takes no changes.")


def breaks() -> None:
    raise OSError("the driver's words")


def test_parts_that_work_are_no_trouble() -> None:
    health = Health({"database": lambda: None}, {"broker": lambda: None})
    assert (health.troubles(), health.slowdowns()) == ({}, {})


def test_what_does_not_work_is_told_and_the_rest_is_not() -> None:
    health = Health({"database": fails, "storage": lambda: None}, {"broker": breaks})
    assert health.troubles() == {"database": "It takes no changes."}
    assert health.slowdowns() == {"broker": "It doesn't answer."}


def test_a_part_that_hangs_is_told_and_tried_once_until_it_answers(hanging: Hanging) -> None:
    health = Health({"database": hanging, "storage": fails}, patience=timedelta(seconds=0.1))
    for _ in range(3):
        assert health.troubles() == {"database": "It doesn't answer.", "storage": "It takes no changes."}
    assert hanging.asked == 1


def test_a_part_that_answers_again_is_no_trouble_any_more(hanging: Hanging) -> None:
    health = Health({"database": hanging}, patience=timedelta(seconds=0.1))
    assert health.troubles()
    hanging.go.set()
    until(lambda: not health.troubles())


def test_of_each_part_it_is_known_whether_it_works() -> None:
    health = Health({"database": fails, "storage": lambda: None}, {"broker": breaks})
    assert health.working() == {"database": False, "storage": True, "broker": False}
