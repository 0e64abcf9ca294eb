"""A result that was put together from pieces is compared with them: each was decoded where it was encoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from soundmill.engine.codecs import flac, vorbis_headers
from soundmill.engine.codecs.decoders import PRE_ROLLS, DecoderSetup
from soundmill.engine.codecs.trace import Trace
from soundmill.engine.comparing.compared import END_PACKETS, FEWEST_PACKETS, PRE_ROLL_PACKETS, Sounding, ends, heard_at
from soundmill.engine.parallel.checked import Checked
from soundmill.engine.parallel.lengths import Lengths
from soundmill.engine.parallel.pieces import EncodedPiece
from soundmill.engine.parallel.seams import Run
from soundmill.engine.reading.refuse import check_declared
from soundmill.engine.reading.source import Source

# Behind a seam, so many packets may need what stands before it.
_PACKETS_BEHIND_SEAM = 16


@dataclass(frozen=True, slots=True)
class _Taken:
    """Packets of a piece from its ``dropped``-th on, in the file from the ``begin``-th on. So many of the last were ``rewritten``."""

    begin: int
    dropped: int
    rewritten: int
    checked: Checked


class Assembled:
    """Implements :class:`~soundmill.engine.comparing.listener.Listener` with what pieces were heard to be, and what was taken of each."""

    def __init__(self, decoder: DecoderSetup, *, is_lossless: bool) -> None:
        """``decoder`` is the pieces'. Those of a lossless codec must be all there as they are."""
        self._decoder, self._is_lossless = decoder, is_lossless
        self._waiting: dict[int, Checked] = {}
        self._last_taken = -1
        self._taken: list[_Taken] = []
        self._lengths = Lengths()
        self._traces: list[Trace] = []
        self._count = 0
        self._are_intact = True

    def add_piece(self, piece: EncodedPiece) -> None:
        """A piece was encoded."""
        if piece.first <= self._last_taken:
            return  # it was encoded by two
        checked = piece.checked
        if checked is None:
            self._are_intact = False
            return
        self._waiting[piece.first] = checked
        if self._is_lossless:
            self._are_intact &= checked.checksum == piece.checksum
        else:
            self._are_intact &= checked.trace == piece.packets.trace

    def add_run(self, run: Run) -> None:
        """So much of a piece goes into the file behind what went there before."""
        piece = min(self._waiting, default=None)
        if piece is None:
            self._are_intact = False
            return
        checked, dropped = self._waiting.pop(piece), run.first - piece
        self._last_taken = piece
        self._taken.append(_Taken(self._count, dropped, run.rewritten, checked))
        if checked.samples is None:
            self._lengths.add(run.packets.durations)
        self._count += len(run.packets)
        # Then nothing stands between those who compared the sound and the file.
        is_whole = self._is_lossless and not dropped
        self._traces.append(checked.trace if is_whole else run.packets.trace)

    def hear(self, result: Source) -> Sounding | None:
        """What ``result`` decodes to. Nothing where only decoding all of it could tell.

        Raises ``ConversionError`` with ``DAMAGED_INPUT`` where it has other packets, or declares more.
        """
        if self._count < FEWEST_PACKETS or not self._is_known(result):
            return None
        places = list(self._places())
        elsewhere = self._samples_but_at(places)
        if elsewhere is None or not self._are_alike(places):
            return None
        found = heard_at(result, self._traces, places)
        whole = self._taken[0].checked
        if found is None or found.form != whole.form:
            return None
        found.sample_count += elsewhere
        check_declared(result, found.sample_count, found.sample_rate)
        return found

    def _is_known(self, result: Source) -> bool:
        context = result.stream.codec_context
        theirs, ours = context.extradata or b"", self._decoder.extradata
        if context.name == "flac":
            theirs, ours = flac.form_of(theirs), flac.form_of(ours)
        if context.name == "vorbis":
            theirs, ours = vorbis_headers.without_comments(theirs), vorbis_headers.without_comments(ours)
        # ADTS has AAC's in the headers of its packets.
        is_alike = theirs == ours or (context.name == "aac" and not theirs)
        return context.name == self._decoder.name and is_alike

    def _are_alike(self, places: list[range]) -> bool:
        """True where all packets decode, and to as many samples, but those that are decoded once more."""
        pieces = [each.checked for each in self._taken]
        is_whole = self._are_intact and not any(each.broken for each in pieces)
        if not is_whole or len({(each.samples, each.form) for each in pieces}) != 1:
            return False
        stops = [*(each.begin for each in self._taken[1:]), self._count]
        others = (
            each.begin + number - each.dropped
            for each, stop in zip(self._taken, stops, strict=True)
            for number in each.checked.others
            if 0 <= number - each.dropped < stop - each.begin
        )
        return all(any(number in place for place in places) for number in others)

    def _samples_but_at(self, places: list[range]) -> int | None:
        samples = self._taken[0].checked.samples
        if samples is not None:
            return samples * (self._count - sum(map(len, places)))
        there = [self._lengths.at(place) for place in places]
        return None if None in there else self._lengths.total - sum(each for each in there if each is not None)

    def _places(self) -> Iterator[range]:
        """The ends and, where packets need those before them, the seams. What is too near to each other is one."""
        begin, end = ends(self._count)
        seams = pairwise(self._taken) if PRE_ROLLS[self._decoder.name] else ()
        around = [
            range(
                max(0, after.begin - max(END_PACKETS, before.rewritten)),
                min(after.begin + _PACKETS_BEHIND_SEAM, self._count),
            )
            for before, after in seams
        ]
        for place in (*around, end):
            if place.start - PRE_ROLL_PACKETS <= begin.stop:
                begin = range(begin.start, max(begin.stop, place.stop))
            else:
                yield begin
                begin = place
        yield begin
