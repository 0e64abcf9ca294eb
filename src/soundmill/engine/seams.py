"""Where two encodes of overlapping sound can be put together so that a decoder notices nothing.

``before`` and ``after`` are runs of packets from two encoders, which had the same sound around the place wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from soundmill.engine.mpeg import LayerThreeFrame, layer_three_frame
from soundmill.engine.packets import CodedPacket


class Unstitchable(Exception):
    """There is no place where the two fit together: the sound must be encoded in one piece."""


_FIRST_CELT = 16  # of the 32 configurations


@dataclass(slots=True)
class Run:
    """Packets in a row; ``first`` is the number of the first one in the whole sound."""

    first: int
    packets: list[CodedPacket]

    @property
    def end(self) -> int:
        """One behind the last one's number."""
        return self.first + len(self.packets)

    def __getitem__(self, number: int) -> CodedPacket:
        return self.packets[number - self.first]


type Join = Callable[[Run, Run, int], int]
"""Gives the number of the first packet to take from the second run, at or soon behind the one wanted.

May change the last packets of the first run before that. Raises ``Unstitchable``.
"""


def join_anywhere(before: Run, after: Run, wanted: int) -> int:
    """For packets that say all by themselves, or whose decoder has come to the same state by the pre-roll."""
    if not after.first <= wanted < after.end or before.end < wanted:
        raise Unstitchable(f"packets {before.first} to {before.end}, {after.first} to {after.end} at {wanted}")
    return wanted


def join_layer_three(before: Run, after: Run, wanted: int) -> int:
    """MP3: main data may begin in earlier frames (ISO/IEC 11172-3, section 2.4.2.7), so these bytes come along.

    The frame taken from ``after`` wants its main data in the bytes before it. Where ``before`` has room for at least as
    much there, it belongs to a frame that isn't used any more.
    """
    candidates = [
        number
        for number in range(max(wanted, after.first + 1), min(before.end, after.end))
        if _frame(after, number).main_data_begin <= _frame(before, number).main_data_begin
    ]
    if not candidates:
        raise Unstitchable(f"no frame from {wanted} to {before.end} has its main data late enough")
    # Where both encoders decided alike for the frame before, its overlap fits exactly.
    alike = (each for each in candidates if _decisions(before, each - 1) == _decisions(after, each - 1))
    cut = next(alike, candidates[0])
    _put_main_data(before, cut, _main_data_before(after, cut, _frame(after, cut).main_data_begin))
    return cut


def join_opus(before: Run, after: Run, wanted: int) -> int:
    """Opus: frames around the seam must be of the same configuration, and CELT's (RFC 6716, section 3.1, table 2)."""
    for number in range(max(wanted, after.first + 1), min(before.end, after.end)):
        forms = {run[at].data[0] for run in (before, after) for at in (number - 1, number)}
        if len(forms) == 1 and forms.pop() >> 3 >= _FIRST_CELT:
            return number
    raise Unstitchable(f"no packets from {wanted} to {before.end} are all of CELT")


def _frame(run: Run, number: int) -> LayerThreeFrame:
    frame = layer_three_frame(run[number].data)
    if frame is None:
        raise Unstitchable(f"packet {number} is no frame of Layer III")
    return frame


def _decisions(run: Run, number: int) -> bytes:
    """Side information without where its main data begins: bit counts, block types, gains."""
    frame, data = _frame(run, number), run[number].data
    return data[frame.side_information_at + 2 : frame.main_data_at]


def _main_data_before(run: Run, number: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        number -= 1
        if number < run.first:
            raise Unstitchable("the main data begins before the pre-roll")
        data = run[number].data[_frame(run, number).main_data_at :] + data
    return data[len(data) - size :]


def _put_main_data(run: Run, number: int, data: bytes) -> None:
    """Overwrite the last bytes of main data that stand before frame ``number``."""
    while data:
        number -= 1
        if number < run.first:
            raise Unstitchable("too few frames before the seam")
        packet = run[number]
        room = len(packet.data) - _frame(run, number).main_data_at
        here = min(room, len(data))
        run.packets[number - run.first] = replace(
            packet, data=packet.data[: len(packet.data) - here] + data[len(data) - here :]
        )
        data = data[: len(data) - here]
