"""A result that was put together from pieces is compared with them: each was decoded where it was encoded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from soundmill.engine.codecs import flac
from soundmill.engine.codecs.decoders import PRE_ROLLS, DecoderSetup
from soundmill.engine.codecs.trace import Trace
from soundmill.engine.comparing.compared import END_PACKETS, FEWEST_PACKETS, PRE_ROLL_PACKETS, Sounding, ends, heard_at
from soundmill.engine.parallel.checked import Checked
from soundmill.engine.parallel.pieces import EncodedPiece
from soundmill.engine.parallel.seams import Run
from soundmill.engine.reading.refuse import check_declared
from soundmill.engine.reading.source import Source

# Behind a seam, so many packets may need what stands before it.
_PACKETS_BEHIND_SEAM = 16


class Assembled:
    """Implements :class:`~soundmill.engine.comparing.listener.Listener` with what pieces were heard to be, and what was taken of each."""

    def __init__(self, decoder: DecoderSetup, *, is_lossless: bool) -> None:
        """``decoder`` is the pieces'. Those of a lossless codec must be all there as they are."""
        self._decoder, self._is_lossless = decoder, is_lossless
        self._pieces: dict[int, Checked] = {}
        self._begins: list[int] = []
        self._rewritten: list[int] = []
        self._traces: list[Trace] = []
        self._count = 0
        self._are_intact = True

    def add_piece(self, piece: EncodedPiece) -> None:
        """A piece was encoded."""
        checked = piece.checked
        if checked is None:
            self._are_intact = False
            return
        self._pieces[piece.first] = checked
        if self._is_lossless:
            self._are_intact &= checked.checksum == piece.checksum
        else:
            self._are_intact &= checked.trace == piece.packets.trace

    def add_run(self, run: Run) -> None:
        """So much of a piece goes into the file behind what went there before."""
        self._begins.append(run.first)
        self._rewritten.append(run.rewritten)
        self._count += len(run.packets)
        whole = self._pieces.get(run.first) if self._is_lossless else None
        # Then nothing stands between those who compared the sound and the file.
        self._traces.append(run.packets.trace if whole is None else whole.trace)

    def hear(self, result: Source) -> Sounding | None:
        """What ``result`` decodes to. Nothing where only decoding all of it could tell.

        Raises ``ConversionError`` with ``DAMAGED_INPUT`` where it has other packets, or declares more.
        """
        if self._count < FEWEST_PACKETS or not self._is_known(result):
            return None
        places = list(self._places())
        if not self._are_alike(places):
            return None
        found = heard_at(result, self._traces, places)
        whole = next(iter(self._pieces.values()))
        if found is None or found.form != whole.form:
            return None
        found.sample_count += whole.samples * (self._count - sum(map(len, places)))
        check_declared(result, found.sample_count, found.sample_rate)
        return found

    def _is_known(self, result: Source) -> bool:
        context = result.stream.codec_context
        theirs, ours = context.extradata or b"", self._decoder.extradata
        if context.name == "flac":
            theirs, ours = flac.form_of(theirs), flac.form_of(ours)
        # ADTS has AAC's in the headers of its packets.
        is_alike = theirs == ours or (context.name == "aac" and not theirs)
        return context.name == self._decoder.name and is_alike

    def _are_alike(self, places: list[range]) -> bool:
        """True where all packets decode, and to as many samples, but those that are decoded once more."""
        pieces = self._pieces.values()
        is_whole = self._are_intact and not any(each.broken for each in pieces)
        if not is_whole or len({(each.samples, each.form) for each in pieces}) != 1:
            return False
        others = (
            first + number
            for (begin, end), first in zip(pairwise([*self._begins, self._count]), sorted(self._pieces), strict=True)
            for number in self._pieces[first].others
            if begin <= first + number < end
        )
        return all(any(number in place for place in places) for number in others)

    def _places(self) -> Iterator[range]:
        """The ends and, where packets need those before them, the seams. What is too near to each other is one."""
        begin, end = ends(self._count)
        seams = pairwise(self._begins) if PRE_ROLLS[self._decoder.name] else ()
        around = [
            range(max(0, seam - max(END_PACKETS, rewritten)), min(seam + _PACKETS_BEHIND_SEAM, self._count))
            for (_, seam), rewritten in zip(seams, self._rewritten, strict=False)
        ]
        for place in (*around, end):
            if place.start - PRE_ROLL_PACKETS <= begin.stop:
                begin = range(begin.start, max(begin.stop, place.stop))
            else:
                yield begin
                begin = place
        yield begin
