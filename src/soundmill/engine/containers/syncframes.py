"""Frames of AC-3, E-AC-3, DTS, AAC in LOAS, WavPack and Musepack, each of which tells its length.

Of the first four FFmpeg goes on with the next that it finds, and says nothing; of the others it calls damaged what somebody appended.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from soundmill.engine.codecs.framing import FRAMINGS, HEAD_BYTES, FrameOf, first_of_a_row
from soundmill.engine.containers.part import BARE_KINDS
from soundmill.engine.damage import Damage, Row

KINDS = frozenset(FRAMINGS)
_BLOCK_BYTES = 1 << 20
_LONGEST_PADDING = HEAD_BYTES  # zeros that fill a frame up
_WORD_BYTES = 4  # extensions of DTS begin at multiples of it
_MOST_GAPS, _MOST_PLACES = 10_000, 1_000_000


def examine(file: BinaryIO, kind: str) -> Row:
    """From where ``file`` stands to its end; ``kind``, one of :data:`KINDS`, is what :func:`soundmill.engine.containers.sniff.sniff` calls it.

    A part of a frame at the begin or the end of the first four is no damage: what was cut out of something longer has that, and the
    last one decodes to whatever comes out.
    """
    framing = FRAMINGS[kind]
    sync, frame_of = framing.sync, framing.frame_of
    at, length = file.tell(), file.seek(0, os.SEEK_END)
    seconds, damage, gaps = 0.0, None, 0
    heads = _Heads(file)
    if kind in BARE_KINDS and frame_of(heads.at(at)) is None:
        file.seek(at)
        at += first_of_a_row(file.read(_BLOCK_BYTES), kind) or 0
    while at < length and gaps < _MOST_GAPS:
        frame = frame_of(heads.at(at))
        if frame is not None and at + frame.size_bytes > length:
            is_told = damage is not None or kind in BARE_KINDS
            return Row(damage if is_told else Damage(seconds or None, length, True, "the last frame is cut off"), at)
        if frame is not None:
            seconds += frame.seconds
            at += frame.size_bytes
            if frame.is_last:
                return Row(damage, at)
            continue
        following = _next_frame(heads, at, length, sync, frame_of)
        if following is None:
            return Row(damage, at)
        if damage is None and not _is_padding(heads, at, following):
            damage = Damage(seconds or None, at, False, "no frame there")
        at, gaps = following, gaps + 1
    return Row(damage, length)


class _Heads:
    """A file in large blocks: a hundred thousand frames make an hour, and asking for each by itself takes twice as long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._block, self._begin = b"", 0

    def at(self, place: int) -> bytes:
        """The bytes from ``place`` on, as many as a head has at most."""
        offset = place - self._begin
        if not 0 <= offset <= len(self._block) - HEAD_BYTES:
            self._file.seek(place)
            self._block, self._begin, offset = self._file.read(_BLOCK_BYTES), place, 0
        return self._block[offset : offset + HEAD_BYTES]

    def elsewhere(self, place: int) -> bytes:
        """The same without leaving the block, of a place that may be far off."""
        if 0 <= place - self._begin <= len(self._block) - HEAD_BYTES:
            return self.at(place)
        self._file.seek(place)
        return self._file.read(HEAD_BYTES)

    def places(self, at: int, sync: bytes) -> Iterator[int]:
        """Of ``sync``, from ``at`` on."""
        while True:
            self._file.seek(at)
            block = self._file.read(_BLOCK_BYTES)
            found = block.find(sync)
            while found >= 0:
                yield at + found
                found = block.find(sync, found + 1)
            if len(block) < _BLOCK_BYTES:
                return
            at += len(block) - len(sync) + 1


def _next_frame(heads: _Heads, at: int, length: int, sync: bytes, frame_of: FrameOf) -> int | None:
    """Where behind ``at`` the next begins that is followed by another, or by the end."""
    for place in islice(heads.places(at, sync), _MOST_PLACES):
        frame = frame_of(heads.at(place))
        if frame is not None:
            end = place + frame.size_bytes
            if end == length or frame_of(heads.elsewhere(end)) is not None:
                return place
    return None


def _is_padding(heads: _Heads, begin: int, end: int) -> bool:
    size = end - begin
    return size < _WORD_BYTES or (size <= _LONGEST_PADDING and not any(heads.at(begin)[:size]))
