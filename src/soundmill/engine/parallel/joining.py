"""Runs of packets that come in any order, and go on in theirs."""

from __future__ import annotations

from collections.abc import Iterator

from soundmill.engine.codecs.packets import Packets
from soundmill.engine.parallel.seams import Join, Run


class Joining:
    """Puts runs together."""

    def __init__(self, join: Join) -> None:
        self._join = join
        self._expected: list[tuple[int, int]] = []
        self._done: dict[int, Packets] = {}
        self._tail: Run | None = None

    @property
    def waiting(self) -> list[int]:
        """The runs that aren't joined yet, by the numbers of their first frames."""
        return [first for first, _ in self._expected]

    def expect(self, first: int, start: int) -> None:
        """The next run begins with frame ``first``, and what is wanted of it with ``start``."""
        self._expected.append((first, start))

    def add(self, first: int, packets: Packets) -> None:
        """What the run that begins with ``first`` is."""
        self._done[first] = packets

    def refuse(self) -> int:
        """The next one doesn't fit: another will come in its place. Gives the number of its first frame."""
        first, _ = self._expected[0]
        del self._done[first]
        return first

    def ready(self) -> Iterator[Run]:
        """What is certain by now. Raises ``Unstitchable`` where the next doesn't fit, and may be called again then."""
        while self._expected and self._expected[0][0] in self._done:
            first, start = self._expected[0]
            following = Run(first, self._done[first])
            settled = None
            if self._tail is not None:
                cut = self._join(self._tail, following, start)
                settled = Run(self._tail.first, self._tail.packets[: cut.kept], cut.rewritten)
                following = Run(first + cut.dropped, following.packets[cut.dropped :])
            self._tail = following
            del self._expected[0], self._done[first]
            if settled is not None:
                yield settled

    def rest(self) -> Iterator[Run]:
        """What is left at the end."""
        if self._tail is not None:
            yield self._tail
