"""What a file says that has no name in other formats: it is carried as it stands where the result has the same kind of tags."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mutagen.id3 import COMM, GEOB, ID3, PRIV, RVA2, UFID, USLT, Frame, UrlFrame

from soundmill.engine.names import MUSICBRAINZ, tag_name
from soundmill.engine.values import BETWEEN, REPLAY_GAINS, UNREADABLE

ID3V2 = "ID3v2"

# Read elsewhere, or about the very bytes of the file (id3.org, ID3v2.4 native frames).
_READ_OR_TECHNICAL_NAMES = """
APIC MVNM MVIN PCST CHAP CTOC MLLT ASPI SEEK POSS RBUF ENCR GRID SIGN LINK AENC
"""
_READ_OR_TECHNICAL = frozenset(_READ_OR_TECHNICAL_NAMES.split())
_OF_THE_FILE = ("com.apple.streaming.",)  # begins of owners: when a piece of a stream begins (RFC 8216, section 3.4)
# Cue points, loops and grids of beats.
_OF_A_DJ = ("TRAKTOR4", "Serato ")
_TIMED = frozenset({"SYLT", "ETCO", "SYTC"})
_IN_FRAMES_OF_MPEG = 1  # id3.org, ID3v2.4, time stamp format; 2 is milliseconds
_MEASURED = frozenset({"RVA2", "EQU2"})
_MEASURED_BY = ("AverageLevel", "PeakValue")  # Windows Media Player's private frames
_TECHNICAL_COMMENTS = ("itunsmpb", "itunpgap")
_MEASURED_COMMENTS = "itunnorm"
_LONGEST_NAME = 100
_MOST = 500
_LARGEST_BYTES, _LARGEST_SUM_BYTES = 4 << 20, 16 << 20
_NO_FLAGS, _ID_BYTES, _HEAD_BYTES = bytes(2), 4, 10


@dataclass(frozen=True, slots=True)
class Verbatim:
    """One of them, of the ``family`` of tags; ``content`` is mutagen's, or bytes where it knows it not, and ``data`` are its bytes in the file."""

    family: str
    shown: str
    """What people read of it where it is lost."""
    content: Any
    data: bytes
    name: str = ""
    """That of the tag that says the same kind of thing."""
    text: str | None = ""
    """What that tag would have to say to be the same; nothing where any will do."""
    is_timed: bool = False
    """True where it tells times of the sound."""
    is_measured: bool = False
    """True where it tells how loud the sound is."""

    def is_said(self, tags: Mapping[str, str]) -> bool:
        """True where one of the ``tags`` says the same."""
        said = tags.get(self.name) if self.name else None
        return said is not None and (self.text is None or said.strip() == self.text.strip())


def lost_of(wanted: Sequence[Verbatim], found: Sequence[Verbatim], tags: Mapping[str, str]) -> Iterator[str]:
    """What is in ``wanted``, and neither in ``found`` nor in the ``tags``, named for people."""
    there = {(each.family, each.data) for each in found}
    for each in wanted:
        if (each.family, each.data) not in there and not each.is_said(tags):
            yield each.shown


def told_of(those: Iterable[Verbatim], why: str, tags: Mapping[str, str]) -> tuple[str, ...]:
    """What is lost with ``those``, and the reason; nothing of what the ``tags`` say, too."""
    return tuple(dict.fromkeys(f"{each.shown} ({why})" for each in those if not each.is_said(tags)))


def of_frames(frames: ID3 | None) -> tuple[tuple[Verbatim, ...], tuple[str, ...]]:
    """Those of ``frames`` that have no name of their own, and what is too large or too many to be carried."""
    return _within_limits([*_named_nowhere(frames or {}), *_unknown(frames)])


def _within_limits(found: Sequence[Verbatim]) -> tuple[tuple[Verbatim, ...], tuple[str, ...]]:
    kept: list[Verbatim] = []
    left_out: list[str] = []
    total = 0
    for each in found:
        is_fitting = len(kept) < _MOST and 0 < len(each.data) <= _LARGEST_BYTES
        if is_fitting and total + len(each.data) <= _LARGEST_SUM_BYTES:
            total += len(each.data)
            kept.append(each)
        else:
            left_out.append(each.shown)
    return tuple(kept), tuple(left_out)


def _named_nowhere(frames: Mapping[str, Frame]) -> Iterator[Verbatim]:
    for frame in frames.values():
        name = frame.FrameID
        if name == "GRP1":
            is_read = not any(each.startswith("TIT1") for each in frames)
        elif isinstance(frame, COMM):
            is_read = tag_name(frame.desc) in _TECHNICAL_COMMENTS
        elif isinstance(frame, UrlFrame):
            is_read = not getattr(frame, "desc", "")
        elif isinstance(frame, PRIV):
            is_read = frame.owner.startswith(_OF_THE_FILE)
        else:
            is_read = name in _READ_OR_TECHNICAL or name.startswith("T")
        if not is_read:
            yield _as_it_stands(frame)


def _as_it_stands(frame: Frame) -> Verbatim:
    name = frame.FrameID
    shown, same = f"tag: {name}", ""
    text: str | None = ""
    is_timed = name in _TIMED
    is_measured = name in _MEASURED
    if isinstance(frame, COMM):
        desc = frame.desc[:_LONGEST_NAME]
        shown = f"tag: {desc or 'comment'} ({frame.lang})"
        same, text = tag_name(frame.desc) if desc else "comment", BETWEEN.join(frame.text)
        is_measured = same == _MEASURED_COMMENTS
    elif isinstance(frame, USLT):
        shown, same, text = f"tag: lyrics-{frame.lang}", "lyrics", frame.text
    elif isinstance(frame, UFID) and frame.owner == MUSICBRAINZ:
        same, text = "musicbrainz_trackid", frame.data.decode("utf-8", "replace")
    elif isinstance(frame, RVA2):
        same = REPLAY_GAINS.get(frame.desc.lower(), "")
        text = None  # free text may say it with more digits
    elif isinstance(frame, PRIV):
        shown = f"tag: PRIV ({frame.owner[:_LONGEST_NAME]})"
        is_timed, is_measured = frame.owner.startswith(_OF_A_DJ), frame.owner in _MEASURED_BY
    elif isinstance(frame, GEOB):
        is_timed = frame.desc.startswith(_OF_A_DJ)
    return Verbatim(ID3V2, shown, frame, _bytes_of(frame), same, text, is_timed, is_measured)


def _bytes_of(frame: Frame) -> bytes:
    """What stands in a file with this frame; nothing where it can't stand in one, or means nothing in another."""
    if getattr(frame, "format", None) == _IN_FRAMES_OF_MPEG and frame.FrameID in _TIMED:
        return b""
    alone, file = ID3(), io.BytesIO()
    try:
        alone.add(frame)
        alone.save(file, padding=lambda info: 0)
    except UNREADABLE:
        return b""
    return file.getvalue()[_HEAD_BYTES:]


def _unknown(frames: ID3 | None) -> Iterator[Verbatim]:
    """Those that mutagen doesn't know, with the head of ID3v2.4: before, flags were others, and sizes had eight bits a byte."""
    if frames is None:
        return
    version = frames.version[1]
    for data in frames.unknown_frames:
        # FFmpeg reads all texts.
        if not data.startswith(b"T"):
            head = _head_anew(data, version, is_unsynchronised=frames.f_unsynch)
            name = data[:_ID_BYTES].decode("latin-1") if version > 2 else data[: _ID_BYTES - 1].decode("latin-1")
            whole = head and head + data[_HEAD_BYTES:]
            yield Verbatim(ID3V2, f"tag: {name}", whole, whole)


def _head_anew(frame: bytes, version: int, *, is_unsynchronised: bool) -> bytes:
    """Nothing where its bytes mean something else in ID3v2.4."""
    flags, size = frame[8:_HEAD_BYTES], len(frame) - _HEAD_BYTES
    if version < 3 or is_unsynchronised or (version < 4 and flags != _NO_FLAGS) or size >> 28:
        return b""
    return frame[:_ID_BYTES] + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + flags
