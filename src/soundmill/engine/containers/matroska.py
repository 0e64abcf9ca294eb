"""The elements of a Matroska or WebM file (RFC 9559): FFmpeg looks for the next cluster behind what it can't read, and says nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import BinaryIO

from soundmill.engine.containers.appended import appended
from soundmill.engine.damage import Damage

_HEADER, _SEGMENT, _CLUSTER, _INFO = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1549A966
_TRACKS, _TRACK_ENTRY, _TRACK_NUMBER, _SIMPLE_BLOCK = 0x1654AE6B, 0xAE, 0xD7, 0xA3
_TIMESTAMP, _TIMESTAMP_SCALE = 0xE7, b"\x2a\xd7\xb1"
# What may stand in a segment, in a cluster and anywhere: sections 5.1 and 11.1.
_SKIPPED = frozenset(
    {0x114D9B74, _TRACKS, 0x1043A770, 0x1254C367, 0x1C53BB6B, 0x1941A469, 0x1B538667, 0xEC, 0xBF}
    | {0x5854, 0xA7, 0xAB, _SIMPLE_BLOCK, 0xA0, 0xAF, _HEADER, _INFO, _TIMESTAMP}
)
_ENTERED = frozenset({_SEGMENT, _CLUSTER})
_CLUSTER_NAME, _BLOCK_BYTES = _CLUSTER.to_bytes(4), 1 << 20
_BLOCKS = re.compile(rb"[\xa1\xa3]")
# In the same group: how long it is, what it refers to, what isn't heard of it.
_BEHIND_BLOCK = frozenset({0x9B, 0xFB, 0x75A2})
_KNOWN = _SKIPPED | _ENTERED
_HEAD_BYTES = 32  # name and size take 12, the head of a block 10 more
_ONE_BYTE = 0x80
_LONGEST_NUMBER = 8  # bytes, of what is no size: RFC 8794, section 7.2
_LONGEST_INFO = 1 << 16
_LONGEST_TRACKS = 16 << 20
_LACING, _XIPH, _FIXED = 0x06, 0x02, 0x04
_LONGEST_LACES = 1 << 16


def find_damage(file: BinaryIO) -> Damage | None:
    """From where ``file`` stands, the first element that isn't one or is cut off; ``None`` when they follow each other."""
    at = file.tell()
    length = file.seek(0, os.SEEK_END)
    seconds, cluster_ticks, scale, cut_off = 0.0, 0, 0.001, False
    tracks: set[int] = set()
    segment_end: int | None = None
    is_endless = False
    while at < length:
        file.seek(at)
        head = file.read(_HEAD_BYTES)
        name, name_bytes = number_at(head, keep_marker=True)
        size, size_bytes = number_at(head[name_bytes:], keep_marker=False)
        if name not in _KNOWN or not size_bytes:
            if at == segment_end and not _has_cluster(file, at):
                return None
            if is_endless and name not in _KNOWN and not _has_sound(file, at, length, tracks):
                return None
            return Damage(seconds, at, cut_off, "no element there")
        start = at + name_bytes + size_bytes
        is_size_known = size != (1 << 7 * size_bytes) - 1
        if not is_size_known and name not in _ENTERED:  # RFC 9559, section 5.1: all that follows would be its content
            return Damage(seconds, at, cut_off, "the element there has no size")
        if is_size_known and start + size > length:
            cut_off = True
            if name not in _ENTERED:
                return Damage(seconds, at, cut_off, "the element there is cut off")
        head = head[name_bytes + size_bytes :]
        if name == _SEGMENT:
            segment_end, is_endless = (start + size, False) if is_size_known else (None, True)
        elif name == _TIMESTAMP:
            cluster_ticks = int.from_bytes(head[: min(size, 8)])
            seconds = cluster_ticks * scale
        elif name == _TRACKS:
            tracks = _track_numbers(_content(file, start, min(size, _LONGEST_TRACKS)))
        elif name == _SIMPLE_BLOCK:
            track, track_bytes = number_at(head, keep_marker=False)
            if track not in tracks:
                return Damage(seconds, at, cut_off, "the block there belongs to no track")
            ticks = int.from_bytes(head[track_bytes : track_bytes + 2], signed=True)
            seconds = max(0, cluster_ticks + ticks) * scale
            lacing_at = track_bytes + 2
            lacing = int.from_bytes(head[lacing_at : lacing_at + 1]) & _LACING
            if lacing and not _has_fitting_laces(
                lacing, _content(file, start + lacing_at + 1, min(size, _LONGEST_LACES)), size - lacing_at - 1
            ):
                return Damage(seconds, at, cut_off, "the frames of the block there are longer than it is")
        elif name == _INFO:
            scale = _timestamp_scale(_content(file, start, min(size, _LONGEST_INFO)))
        at = start if name in _ENTERED else start + size
    return Damage(seconds, length, cut_off, "it ends there") if cut_off else None


def _has_cluster(file: BinaryIO, at: int) -> bool:
    """Whether there is still sound behind the byte ``at``, where a segment ends by its own account: else it is what somebody appended."""
    file.seek(at)
    rest = b""
    while block := file.read(_BLOCK_BYTES):
        if _CLUSTER_NAME in rest + block:
            return True
        rest = block[1 - len(_CLUSTER_NAME) :]
    return False


def _has_sound(file: BinaryIO, at: int, length: int, tracks: set[int]) -> bool:
    """Whether there may be sound behind the byte ``at``, which a segment that doesn't say where it ends may have reached."""
    rest = appended(file, at, length)
    return (
        rest is None or _CLUSTER_NAME in rest or any(_is_block(rest, found, tracks) for found in _BLOCKS.finditer(rest))
    )


def _is_block(rest: bytes, found: re.Match[bytes], tracks: set[int]) -> bool:
    """Whether it is of one of these ``tracks``, and the end or another element follows."""
    size, size_bytes = number_at(rest[found.end() : found.end() + _LONGEST_NUMBER], keep_marker=False)
    start = found.end() + size_bytes
    track, _ = number_at(rest[start : start + _LONGEST_NUMBER], keep_marker=False)
    following, _ = number_at(rest[start + size : start + size + _LONGEST_NUMBER], keep_marker=True)
    is_followed = start + size == len(rest) or following in _KNOWN | _BEHIND_BLOCK
    return bool(size_bytes) and track in tracks and is_followed


def _has_fitting_laces(lacing: int, head: bytes, size: int) -> bool:
    """Whether several frames (RFC 9559, section 10.3) fit into a block of which ``size`` bytes are left, that begin with ``head``; FFmpeg leaves out the whole cluster else."""
    if not head:
        return False
    frames = head[0] + 1
    if lacing == _FIXED:
        return (size - 1) % frames == 0
    taken = _xiph_laces(head, frames - 1) if lacing == _XIPH else _ebml_laces(head, frames - 1)
    return taken is not None and taken <= size


def _xiph_laces(head: bytes, sizes: int) -> int | None:
    """How many bytes all frames but the last one and their ``sizes`` take; nothing where these don't end."""
    at, taken = 1, 0
    for _ in range(sizes):
        begin = at
        while head[at : at + 1] == b"\xff":
            at += 1
        if at >= len(head):
            return None
        taken += 255 * (at - begin) + head[at]
        at += 1
    return at + taken


def _ebml_laces(head: bytes, sizes: int) -> int | None:
    """Likewise, where each but the first is told by how much it is larger than the one before."""
    at, taken, frame = 1, 0, 0
    for number in range(sizes):
        value, length = number_at(head[at : at + 8], keep_marker=False)
        if not length:
            return None
        frame = frame + value - ((1 << 7 * length - 1) - 1) if number else value
        if frame < 0:
            return None
        taken += frame
        at += length
    return at + taken


def _content(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def number_at(data: bytes, *, keep_marker: bool) -> tuple[int, int]:
    """A number of variable length and how many bytes it takes (RFC 8794, section 4); (0, 0) where there is none."""
    if not data or not data[0]:
        return 0, 0
    if data[0] & _ONE_BYTE:  # most names and numbers of tracks
        return data[0] if keep_marker else data[0] ^ _ONE_BYTE, 1
    length = 9 - data[0].bit_length()
    if len(data) < length:
        return 0, 0
    value = int.from_bytes(data[:length])
    return (value if keep_marker else value & (1 << 7 * length) - 1), length


def _timestamp_scale(info: bytes) -> float:
    """Seconds a tick; a millisecond unless said otherwise."""
    at = info.find(_TIMESTAMP_SCALE)
    size = info[at + 3] & 0x7F if 0 <= at < len(info) - 3 else 0
    ticks = int.from_bytes(info[at + 4 : at + 4 + size]) if size <= _LONGEST_NUMBER else 0
    return (ticks or 1_000_000) / 1e9


def _track_numbers(tracks: bytes) -> set[int]:
    return {
        int.from_bytes(value)
        for name, entry in children(tracks)
        if name == _TRACK_ENTRY
        for child, value in children(entry)
        if child == _TRACK_NUMBER
    }


def children(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Names and contents of the elements in ``data``, up to the first that isn't one."""
    at = 0
    while at < len(data):
        name, name_bytes = number_at(data[at : at + 8], keep_marker=True)
        size, size_bytes = number_at(data[at + name_bytes : at + name_bytes + 8], keep_marker=False)
        if not name_bytes or not size_bytes:
            return
        at += name_bytes + size_bytes
        yield name, data[at : at + size]
        at += size
