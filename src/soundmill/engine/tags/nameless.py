"""Which frames of ID3v2, atoms of MP4 and attributes of Windows Media have no name here, or are more than their text."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mutagen.asf import ASFBoolAttribute, ASFTags
from mutagen.id3 import COMM, GEOB, ID3, PRIV, RVA2, TXXX, UFID, USLT, Frame, UrlFrame
from mutagen.mp4 import AtomDataType, MP4FreeForm, MP4Tags

from soundmill.engine.tags import gains
from soundmill.engine.tags.names import (
    COMMENTS,
    DATES,
    FRAMES,
    FREE_ATOM,
    LINKS,
    MUSICBRAINZ,
    TEXTS_WITHOUT_NAME,
    WM_NAMES,
    is_technical,
    tag_name,
)
from soundmill.engine.tags.values import (
    BETWEEN,
    NAMES_OF_ATOMS,
    NAMES_OF_PAIRS,
    REPLAY_GAINS,
    UNREADABLE,
    name_of_free_atom,
)
from soundmill.engine.tags.verbatim import ASF, ID3V2, MP4, Verbatim

# Read elsewhere, or about the very bytes of the file (id3.org, ID3v2.4 native frames).
_READ_OR_TECHNICAL_NAMES = """
APIC MVNM MVIN PCST CHAP CTOC MLLT ASPI SEEK POSS RBUF ENCR GRID SIGN LINK AENC
"""
_READ_OR_TECHNICAL = frozenset(_READ_OR_TECHNICAL_NAMES.split())
_OF_THE_FILE = ("com.apple.streaming.",)  # begins of owners: when a piece of a stream begins (RFC 8216, section 3.4)
# Cue points, loops and grids of beats.
_OF_A_DJ = ("TRAKTOR4", "Serato ")
# Texts that go into frames of their own, whatever they were called.
_WITH_FRAMES = (
    FRAMES.keys()
    | DATES.keys()
    | LINKS.keys()
    | COMMENTS.keys()
    | TEXTS_WITHOUT_NAME
    | {
        "comment",
        "lyrics",
        "performer",
        "tipl",
        "tmcl",
        "podcast",
        "musicbrainz_trackid",
        "tracktotal",
        "disctotal",
        "movementtotal",
    }
)
_TIMED = frozenset({"SYLT", "ETCO", "SYTC"})
_IN_FRAMES_OF_MPEG = 1  # id3.org, ID3v2.4, time stamp format; 2 is milliseconds
_MEASURED = frozenset({"RVA2", "EQU2"})
# Those that FFmpeg writes by our names, the cover, and what is about the file.
_READ_ATOMS_BESIDES = """
\xa9day desc ldes tvsh tven tvnn cpil pgap stik hdvd tvsn tves gnre pcst covr \xa9too \xa9enc \xa9swr
"""
_READ_ATOMS = frozenset(_READ_ATOMS_BESIDES.split()) | NAMES_OF_ATOMS.keys() | NAMES_OF_PAIRS.keys()
# Those that FFmpeg reads, and doesn't write.
_NAMES_BY_FFMPEG = {
    "catg": "category",
    "purd": "purchase_date",
    "sosn": "sort_show",
    "akID": "account_type",
    "apID": "account_id",
    "auth": "author",
    "perf": "performer",
    "\xa9aut": "author",
    "\xa9com": "composer",
    "\xa9cpy": "copyright",
    "\xa9dir": "director",
    "\xa9dis": "disclaimer",
    "\xa9ed1": "edit_date",
    "\xa9fmt": "original_format",
    "\xa9hst": "host_computer",
    "\xa9inf": "comment",
    "\xa9mak": "make",
    "\xa9mod": "model",
    "\xa9prd": "producer",
    "\xa9prf": "performers",
    "\xa9req": "playback_requirements",
    "\xa9src": "original_source",
    "\xa9st3": "subtitle",
    "\xa9url": "url",
    "\xa9wrn": "warning",
    "\xa9xyz": "location",
}
_SHOWN_ATOMS = {"sdes": "series description"}
_ATOMS_OF_A_DJ = "----:com.serato."
_TEXT_FORMATS = (AtomDataType.UTF8, AtomDataType.IMPLICIT)
# By names that FFmpeg changes in reading and writing, or that are read elsewhere.
_READ_ATTRIBUTE_NAMES = """
author description wm/tracknumber wm/partofset wm/picture wm/language wm/originalfilename wm/mediastationcallsign
wm/mediastationname wm/tool wm/encodedby wm/encodingsettings
"""
_READ_ATTRIBUTES = frozenset(_READ_ATTRIBUTE_NAMES.split())
_LONGEST_NAME = 100
_MOST = 500
_LARGEST_BYTES, _LARGEST_SUM_BYTES = 4 << 20, 16 << 20
_NO_FLAGS, _ID_BYTES, _HEAD_BYTES = bytes(2), 4, 10


def of_frames(frames: ID3 | None) -> Iterator[Verbatim]:
    """Those of ``frames``."""
    yield from _named_nowhere(frames or {})
    yield from _unknown(frames)


def within_limits(found: Sequence[Verbatim]) -> tuple[tuple[Verbatim, ...], tuple[str, ...]]:
    """What is carried of all that was ``found``, and what is too large or too many, or can't stand anywhere else."""
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
            is_read = is_technical(tag_name(frame.desc))
        elif isinstance(frame, TXXX):
            is_read = not _is_spelt_otherwise(frame.desc)
        elif isinstance(frame, UrlFrame):
            is_read = not getattr(frame, "desc", "")
        elif isinstance(frame, PRIV):
            is_read = frame.owner.startswith(_OF_THE_FILE)
        else:
            is_read = name in _READ_OR_TECHNICAL or name.startswith("T")
        if not is_read:
            yield _as_it_stands(frame)


def _is_spelt_otherwise(free: str) -> bool:
    """True where a free text's name has capital letters, which some programs mind, and the text no frame of its own."""
    name = tag_name(free)
    return name == free.lower() != free and name not in _WITH_FRAMES and not is_technical(name)


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
        is_measured = gains.is_measured(same)
    elif isinstance(frame, TXXX):
        shown, same = f"tag: {frame.desc[:_LONGEST_NAME]}", tag_name(frame.desc)
        text = BETWEEN.join(dict.fromkeys(each for each in frame.text if each.strip()))
        is_measured = gains.is_measured(same)
    elif isinstance(frame, USLT):
        shown, same, text = f"tag: lyrics-{frame.lang}", "lyrics", frame.text
    elif isinstance(frame, UFID) and frame.owner == MUSICBRAINZ:
        same, text = "musicbrainz_trackid", frame.data.decode("utf-8", "replace")
    elif isinstance(frame, RVA2):
        same = REPLAY_GAINS.get(frame.desc.lower(), "")
        text = None  # free text may say it with more digits
    elif isinstance(frame, PRIV):
        shown = f"tag: PRIV ({frame.owner[:_LONGEST_NAME]})"
        is_timed, is_measured = frame.owner.startswith(_OF_A_DJ), gains.is_measured(frame.owner.lower())
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


def of_atoms(atoms: MP4Tags | None) -> Iterator[Verbatim]:
    """Those of iTunes' ``atoms``."""
    for key, content in (atoms or {}).items():
        if key.startswith("----:"):
            found = _of_free_atom(key, content)
            if found is not None:
                yield found
        elif key not in _READ_ATOMS:
            name = _NAMES_BY_FFMPEG.get(key, "")
            text = BETWEEN.join(map(str, content)) if isinstance(content, list) else str(content)
            shown = f"tag: {_SHOWN_ATOMS[key]} ({key})" if key in _SHOWN_ATOMS else f"tag: {key}"
            data = f"{key}={content!r}".encode() if _can_be_written(key, content) else b""
            yield Verbatim(MP4, shown, {key: content}, data, name, text)


def _can_be_written(key: str, content: object) -> bool:
    try:
        MP4Tags()[key] = content
    except UNREADABLE:
        return False
    return True


def _of_free_atom(key: str, content: list[Any]) -> Verbatim | None:
    written, texts = name_of_free_atom(key), [_text_of(each) for each in content]
    name = tag_name(written)
    is_text = None not in texts
    # Else it is written like this from the tag of that name.
    is_special = not is_text or not key.startswith(FREE_ATOM) or written != written.lower()
    if is_technical(name) or (is_text and name != written.lower()) or not is_special:
        return None
    data = repr([key, *((bytes(each), each.dataformat) for each in content)]).encode()
    shown = f"tag: {written[:_LONGEST_NAME]}"
    is_timed = key.startswith(_ATOMS_OF_A_DJ)
    return Verbatim(
        MP4, shown, {key: content}, data, name, BETWEEN.join(map(str, texts)), is_timed, gains.is_measured(name)
    )


def _text_of(value: MP4FreeForm) -> str | None:
    try:
        return bytes(value).decode() if value.dataformat in _TEXT_FORMATS else None
    except UnicodeDecodeError:
        return None


def of_attributes(attributes: ASFTags | None) -> Iterator[Verbatim]:
    """Those of a Windows Media file's ``attributes``."""
    for key, values in (attributes.as_dict() if attributes else {}).items():
        name = tag_name(key)
        is_named = name != key.lower() or name in WM_NAMES or name in _READ_ATTRIBUTES
        if is_technical(name) or is_named:
            continue
        text = BETWEEN.join(
            dict.fromkeys(str(int(bool(each)) if isinstance(each, ASFBoolAttribute) else each) for each in values)
        )
        data = repr([key, *((type(each).__name__, each.value) for each in values)]).encode()
        yield Verbatim(
            ASF, f"tag: {key[:_LONGEST_NAME]}", {key: values}, data, name, text, is_measured=gains.is_measured(name)
        )
