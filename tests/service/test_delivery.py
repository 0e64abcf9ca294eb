"""Files that arrive one behind the other: all are safe, or none leaves a trace."""

from __future__ import annotations

from datetime import timedelta

import pytest

from soundmill.adapters.storage import MemoryStorage
from soundmill.model.errors import InvalidRequest, NoRoom, TooLarge
from soundmill.service.delivery import MOST_SOURCES, Delivery

PATIENT, IMPATIENT = timedelta(minutes=30), timedelta(0)


class Dock:
    """A delivery to a storage in memory."""

    def __init__(self, size_limit: int = 100, expected_size: int = 0, patience: timedelta = PATIENT) -> None:
        self.storage = MemoryStorage(capacity_bytes=1000)
        self.delivery = Delivery(self.storage, size_limit, expected_size, patience)

    def send(self, name: str, content: bytes = b"sound") -> None:
        self.delivery.begin(name)
        self.delivery.write(content)

    def stored(self) -> set[str]:
        return set(self.storage.keys(timedelta(0)))

    def under_way(self) -> int:
        return self.storage.sweep_incoming(timedelta(0))


def test_all_come_out_in_their_order_by_clean_names() -> None:
    dock = Dock()
    for name in ("b.wav", "../a.wav", "b.wav"):
        dock.send(name, name.encode())
    assert dock.delivery.count == 3
    handed = dock.delivery.commit()
    dock.delivery.abort()
    assert [each.name for each in handed] == ["b.wav", "a.wav", "b.wav"]
    assert [dock.storage.open(each.stored.key).read() for each in handed] == [b"b.wav", b"../a.wav", b"b.wav"]
    assert dock.stored() == {each.stored.key for each in handed}


def test_one_file_at_a_time_is_open_and_the_others_are_safe() -> None:
    dock = Dock()
    for name in ("a.wav", "b.wav", "c.wav"):
        dock.send(name)
    assert (len(dock.stored()), dock.under_way()) == (2, 1)


def test_what_is_broken_off_leaves_nothing() -> None:
    dock = Dock()
    for name in ("a.wav", "b.wav", "c.wav"):
        dock.send(name)
    dock.delivery.abort()
    dock.delivery.abort()
    assert (dock.stored(), dock.under_way()) == (set(), 0)


def test_the_limit_is_one_of_all_files_together() -> None:
    dock = Dock(size_limit=10)
    dock.send("a.wav", b"x" * 6)
    dock.delivery.begin("b.wav")
    dock.delivery.write(b"x" * 4)
    with pytest.raises(TooLarge, match="Together the files are larger than the 10 bytes"):
        dock.delivery.write(b"x")
    alone = Dock(size_limit=10)
    alone.delivery.begin("a.wav")
    with pytest.raises(TooLarge, match="The file is larger"):
        alone.delivery.write(b"x" * 11)


def test_what_is_announced_must_have_room_and_what_came_does_not_count_twice() -> None:
    with pytest.raises(NoRoom):
        Dock(expected_size=1001).delivery.begin("a.wav")
    dock = Dock(size_limit=900, expected_size=900)
    dock.send("a.wav", b"x" * 450)
    dock.send("b.wav", b"x" * 450)
    assert len(dock.delivery.commit()) == 2


@pytest.mark.parametrize("sizes", [(0,), (0, 5), (5, 0)])
def test_an_empty_file_is_refused_by_its_name_and_leaves_nothing(sizes: tuple[int, ...]) -> None:
    dock = Dock()
    with pytest.raises(InvalidRequest, match=rf"“{sizes.index(0)}\.wav” is empty"):
        deliver(dock, sizes)
    dock.delivery.abort()
    assert dock.stored() == set()


def deliver(dock: Dock, sizes: tuple[int, ...]) -> None:
    for number, size in enumerate(sizes):
        dock.send(f"{number}.wav", bytes(size))
    dock.delivery.commit()


def test_there_is_a_limit_to_their_number() -> None:
    dock = Dock(size_limit=1000)
    for number in range(MOST_SOURCES):
        dock.send(f"{number}.wav", b"x")
    with pytest.raises(InvalidRequest, match="At most 100 files"):
        dock.delivery.begin("one more.wav")
    assert len(dock.delivery.commit()) == MOST_SOURCES


def test_a_first_file_that_a_janitor_may_soon_take_for_a_leftover_is_not_waited_with() -> None:
    dock = Dock(patience=IMPATIENT)
    dock.send("a.wav")
    dock.delivery.begin("b.wav")
    with pytest.raises(InvalidRequest, match="too long"):
        dock.delivery.write(b"sound")
    alone = Dock(patience=IMPATIENT)
    alone.send("a.wav")
    assert len(alone.delivery.commit()) == 1
