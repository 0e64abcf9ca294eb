"""The simulated fleet obeys the laws that any queueing network obeys."""

from __future__ import annotations

import pytest

from benchmarks.scaling import Simulation, Station

FREE = Station("broker", 1, 0.0)


def test_workers_that_nothing_holds_back_convert_as_many_times_as_much() -> None:
    one, eight = (Simulation([FREE], 1.0, workers).run().files_a_second for workers in (1, 8))
    assert one == pytest.approx(1.0, rel=0.1)
    assert eight == pytest.approx(8.0, rel=0.1)


def test_the_narrowest_part_bounds_the_pace_and_is_always_busy() -> None:
    course = Simulation([Station("API", 2, 0.5), Station("database", 2, 0.1)], 1.0, 16).run()
    assert course.files_a_second == pytest.approx(4.0, rel=0.1)
    assert course.busy["API"] == pytest.approx(1.0, abs=0.05)
    assert course.busy["database"] == pytest.approx(0.2, abs=0.05)


def test_how_busy_a_part_is_follows_the_pace() -> None:
    course = Simulation([Station("API", 2, 0.1)], 1.0, 4).run()
    assert course.busy["API"] == pytest.approx(course.files_a_second * 0.1 / 2, rel=0.1)


def test_the_same_seed_gives_the_same_course() -> None:
    first, again = (Simulation([Station("API", 1, 0.2)], 1.0, 3).run(200) for _ in range(2))
    assert first == again
