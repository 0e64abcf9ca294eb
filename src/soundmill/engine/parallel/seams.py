"""Where two encodes of overlapping sound can be put together so that a decoder notices nothing.

``before`` and ``after`` are runs of packets from two encoders, which had the same sound around the place wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from soundmill.engine.codecs import aac
from soundmill.engine.codecs.mpeg import LayerThreeFrame, layer_three_frame
from soundmill.engine.codecs.packets import CodedPacket, Packets
from soundmill.engine.writing.vorbis import WRITE_SAMPLES
from soundmill.engine.writing.vorbis_packets import is_long, next_is_long


class Unstitchable(Exception):
    """There is no place where the two fit together: the sound must be encoded in one piece."""


class Misaligned(Unstitchable):
    """They would fit if the second began ``shift`` samples later."""

    def __init__(self, shift: int) -> None:
        super().__init__(f"its blocks begin {shift} samples off")
        self.shift = shift


_FIRST_CELT = 16  # of the 32 configurations
_UNSURE_VORBIS_PACKETS = 4


@dataclass(slots=True)
class Run:
    """Packets in a row; ``first`` is the number of the first one in the whole sound. So many of the last were ``rewritten``."""

    first: int
    packets: Packets
    rewritten: int = 0

    @property
    def end(self) -> int:
        """One behind the last one's number."""
        return self.first + len(self.packets)

    def __getitem__(self, number: int) -> CodedPacket:
        return self.packets[number - self.first]


class Cut(NamedTuple):
    """So many packets of the first run are kept, the last of which are ``rewritten``, and so many of the second dropped."""

    kept: int
    dropped: int
    rewritten: int = 0


type Join = Callable[[Run, Run, int], Cut]
"""Gives the place at or soon behind the frame wanted.

May change the last packets of the first run before that. Raises ``Unstitchable``.
"""


def join_anywhere(before: Run, after: Run, wanted: int) -> Cut:
    """For packets that say all by themselves, or whose decoder has come to the same state by the pre-roll."""
    if not after.first <= wanted < after.end or before.end < wanted:
        raise Unstitchable(f"packets {before.first} to {before.end}, {after.first} to {after.end} at {wanted}")
    return _cut(before, after, wanted)


def join_layer_three(before: Run, after: Run, wanted: int) -> Cut:
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
    rewritten = _put_main_data(before, cut, _main_data_before(after, cut, _frame(after, cut).main_data_begin))
    return _cut(before, after, cut)._replace(rewritten=rewritten)


def join_aac(before: Run, after: Run, wanted: int) -> Cut:
    """AAC: windows of frames overlap by halves (ISO/IEC 14496-3, section 4.6.11.3), so those before the seam must be alike."""
    alike = [
        number
        for number in range(max(wanted, after.first + 1), min(before.end, after.end))
        if (windows := aac.windows(before[number - 1].data)) and windows == aac.windows(after[number - 1].data)
    ]
    if not alike:
        raise Unstitchable(f"no frame from {wanted} to {before.end} has the same windows before it")
    same = (each for each in alike if before[each - 1].data == after[each - 1].data)
    return _cut(before, after, next(same, alike[0]))


def join_opus(before: Run, after: Run, wanted: int) -> Cut:
    """Opus: frames around the seam must be of the same configuration, and CELT's (RFC 6716, section 3.1, table 2)."""
    for number in range(max(wanted, after.first + 1), min(before.end, after.end)):
        forms = {run[at].data[0] for run in (before, after) for at in (number - 1, number)}
        if len(forms) == 1 and forms.pop() >> 3 >= _FIRST_CELT:
            return _cut(before, after, number)
    raise Unstitchable(f"no packets from {wanted} to {before.end} are all of CELT")


def join_vorbis(before: Run, after: Run, wanted: int) -> Cut:
    """Vorbis: blocks have two sizes, so packets of the two runs fit where they end at the same sample with the same window.

    That is so once a transient made both encoders choose short blocks. Where the sound is steady, the second must be encoded from
    another sample on: raises ``Misaligned``.
    """
    first = _index_from(after, wanted * WRITE_SAMPLES)
    # The last packets of the first run were encoded without knowing what follows.
    ends = {each.pts + each.duration: number for number, each in enumerate(before.packets[:-_UNSURE_VORBIS_PACKETS])}
    alike = [
        (ends[end], number)
        for number, packet in enumerate(after.packets[first:], first)
        if (end := packet.pts + packet.duration) in ends
        and _window(before.packets[ends[end]].data) == _window(packet.data)
    ]
    if not alike:
        raise _misaligned(before.packets[:-_UNSURE_VORBIS_PACKETS], after.packets[first:])
    same = (pair for pair in alike if before.packets[pair[0]].data == after.packets[pair[1]].data)
    kept, dropped = next(same, alike[0])
    return Cut(kept + 1, dropped + 1)


def _index_from(run: Run, sample: int) -> int:
    return next((number for number, each in enumerate(run.packets) if each.pts >= sample), len(run.packets))


def _window(packet: bytes) -> tuple[bool, bool]:
    return is_long(packet), is_long(packet) and next_is_long(packet)


def _misaligned(before: Sequence[CodedPacket], after: Sequence[CodedPacket]) -> Unstitchable:
    """By the first blocks that follow on one of their own size: where sound is steady, that is every one."""
    for packet, following in pairwise(after):
        if packet.duration != following.duration or not is_long(packet.data):
            continue
        steady = (each for each in before if each.duration == packet.duration and each.pts >= packet.pts)
        other = next(steady, None)
        if other is not None and (shift := (other.pts - packet.pts) % packet.duration):
            return Misaligned(shift)
        break
    return Unstitchable("no blocks end at the same sample")


def _cut(before: Run, after: Run, number: int) -> Cut:
    return Cut(number - before.first, number - after.first)


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


def _put_main_data(run: Run, number: int, data: bytes) -> int:
    """Overwrite the last bytes of main data that stand before frame ``number``. Gives how many frames they reach back."""
    end = number
    while data:
        number -= 1
        if number < run.first:
            raise Unstitchable("too few frames before the seam")
        packet = run[number]
        room = len(packet.data) - _frame(run, number).main_data_at
        here = min(room, len(data))
        run.packets.overwrite_end(number - run.first, data[len(data) - here :])
        data = data[: len(data) - here]
    return end - number
