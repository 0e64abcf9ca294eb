"""What packets decode to around seams is known without keeping it of all."""

from __future__ import annotations

from array import array
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from soundmill.engine.parallel.lengths import Lengths

RUNS = st.lists(st.lists(st.sampled_from((128, 576, 1024)), max_size=400), min_size=1, max_size=4)


@given(RUNS, st.data())
def test_places_near_a_begin_or_end_are_known_and_no_others_are_told(
    runs: list[list[int]], data: st.DataObject
) -> None:
    lengths, flat = Lengths(), list(chain.from_iterable(runs))
    for run in runs:
        # Packets have their times and durations in turn.
        lengths.add(memoryview(array("q", (value for length in run for value in (0, length))))[1::2])
    assert lengths.total == sum(flat)
    first = data.draw(st.integers(0, len(flat)))
    place = range(first, data.draw(st.integers(first, min(len(flat), first + 48))))
    assert lengths.at(place) in (None, sum(flat[first : place.stop]))
    begin = 0
    for run in runs:
        end = begin + len(run)
        around = range(max(0, begin - 48), min(len(flat), begin + 16))
        assert lengths.at(around) == sum(flat[around.start : around.stop])
        begin = end
    assert lengths.at(range(max(0, len(flat) - 48), len(flat))) == sum(flat[-48:])
