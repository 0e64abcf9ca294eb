"""What FFmpeg's muxers miss of ID3: several values of one tag, and frames that it writes as free text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

import mutagen.id3
from mutagen.aiff import AIFF
from mutagen.id3 import (
    APIC,
    CTOC,
    ID3,
    PCST,
    TIT2,
    TXXX,
    UFID,
    CTOCFlags,
    Encoding,
    Frame,
    Frames,
    ID3NoHeaderError,
    TextFrame,
)
from mutagen.wave import WAVE

from soundmill.engine.tags.about import About, chapter_title
from soundmill.engine.tags.names import (
    DATES,
    FRAMES,
    FRAMES_THAT_FFMPEG_LACKS,
    LINKS,
    MUSICBRAINZ,
    TEXTS_WITHOUT_NAME,
    free_name,
)
from soundmill.engine.tags.picture import KINDS, Picture
from soundmill.engine.tags.verbatim import ID3V2, Verbatim

if TYPE_CHECKING:
    from av.container.core import Chapter  # in PyAV's stubs only

_UNKNOWN_LANGUAGE = "XXX"  # ID3v2.4, section 4
_TOTALS = (("track", "tracktotal", "TRCK"), ("disc", "disctotal", "TPOS"), ("movement", "movementtotal", "MVIN"))
_NUMBERS = {"track": "TRCK", "disc": "TPOS"}
# Those of FFmpeg's muxer.
_IN_INFO = frozenset({"artist", "comment", "copyright", "date", "genre", "title", "album", "track"})
# A chunk must fit in behind the sound: of the largest pictures and texts that are carried.
_LARGEST_RIFF_BYTES = (1 << 32) - (128 << 20)
_UNUSED = 0xFFFF_FFFF
_LAST_MILLISECOND = _UNUSED - 1  # of what a chapter's 32 bits can say
_MOST_IN_A_TABLE = 255  # of contents, whose entries are counted in a byte
_AFTER_ROLE = ": "  # as they are read
_PEOPLE = {"tipl": "TIPL", "tmcl": "TMCL"}
_RECORDING = "musicbrainz_trackid"
_REWRITTEN = FRAMES_THAT_FFMPEG_LACKS | {
    *("comment", "lyrics", "performer", "tracktotal", "disctotal", "tipl", "tmcl", "podcast"),
    *LINKS,
}


class TDRC(TextFrame):  # type: ignore[misc]  # mutagen has no types
    """A date as it was written: mutagen's own frame of this name keeps what it takes for a time stamp, and drops or reorders the rest."""


class TDOR(TextFrame):  # type: ignore[misc]
    """When the original appeared, likewise."""


class TDRL(TextFrame):  # type: ignore[misc]
    """When this was released, likewise."""


class CHAP(mutagen.id3.CHAP):  # type: ignore[misc]
    """A chapter that keeps its place: mutagen sorts all frames but pictures by size, and FFmpeg takes chapters as they come and loses some."""

    FrameID = "APIC"  # what it is sorted as; in the file its name is that of the class

    @property
    def HashKey(self) -> str:  # noqa: N802
        """As that of any other chapter."""
        return f"CHAP:{self.element_id}"


class COMM(mutagen.id3.COMM):  # type: ignore[misc]
    """The comment that FFmpeg shall take, which is the first: mutagen would put the shortest one before the others."""

    FrameID = "TCON"  # likewise

    @property
    def HashKey(self) -> str:  # noqa: N802
        """As that of any other comment."""
        return f"COMM:{self.desc}:{self.lang}"


class USLT(mutagen.id3.USLT):  # type: ignore[misc]
    """Likewise, of lyrics."""

    FrameID = "TCON"

    @property
    def HashKey(self) -> str:  # noqa: N802
        """As that of any other lyrics."""
        return f"USLT:{self.desc}:{self.lang}"


_DATE_FRAMES = {each.__name__: each for each in (TDRC, TDOR, TDRL)}


def write_frames(path: Path, about: About) -> None:
    """Put into the finished file's ID3 what is said where players look for it."""
    if _is_well_written(about):
        return
    frames = ID3(path)
    _add_texts(frames, about)
    frames.save(path)


def write_adts_frames(path: Path, about: About) -> None:
    """The same before the frames of ADTS, with the pictures, which FFmpeg's muxer has no place for."""
    if not about.pictures and _is_well_written(about):
        return
    try:
        frames = ID3(path)
    except ID3NoHeaderError:
        frames = ID3()
    _add_texts(frames, about)
    _add_pictures(frames, about.pictures)
    frames.save(path)


def write_aiff_frames(path: Path, about: About) -> None:
    """The same in the finished AIFF file's ID3 chunk, with the pictures: FFmpeg 9's muxer refuses pictures that it once took."""
    if not about.pictures and _is_well_written(about):
        return
    song = AIFF(path)
    if song.tags is None:
        song.add_tags()
    _add_texts(song.tags, about)
    _add_pictures(song.tags, about.pictures)
    song.save()


def write_wave_frames(path: Path, about: About) -> None:
    """Put into the finished WAV file what RIFF's INFO has no place for, in a chunk of ID3 behind the sound.

    Some readers look there, others in INFO: all tags are in it. A file that is too large for RIFF's 32 bits stays without.
    """
    has_more = about.several or about.pictures or about.chapters or not about.tags.keys() <= _IN_INFO
    has_more = has_more or any(each.family == ID3V2 for each in about.verbatim)
    if not has_more or path.stat().st_size > _LARGEST_RIFF_BYTES:
        return
    song = WAVE(path)
    song.add_tags()
    for name in about.tags:
        values = list(about.values(name))
        for frame in _frames(name, values) or [_plain_frame(name, values)]:
            song.tags.add(frame)
    _add_verbatim(song.tags, about)
    _add_totals(song.tags, about)
    _add_pictures(song.tags, about.pictures)
    _add_chapters(song.tags, about.chapters)
    song.save()


def _is_well_written(about: About) -> bool:
    return (
        not about.several
        and len(about.chapters) <= _MOST_IN_A_TABLE
        and all(
            name not in _REWRITTEN and name not in TEXTS_WITHOUT_NAME and free_name(name) == name for name in about.tags
        )
        and not any(each.family == ID3V2 for each in about.verbatim)
    )


def _add_texts(frames: ID3, about: About) -> None:
    if "performer" in about.tags:
        # FFmpeg takes the conductor's place for it.
        frames.delall("TPE3")
        frames.add(_plain_frame("performer", list(about.values("performer"))))
    for name in about.tags:
        values = list(about.values(name))
        is_free = name != "performer" and frames.pop(f"TXXX:{name}", None) is not None
        for frame in _frames(name, values) or ([_plain_frame(name, values)] if is_free else []):
            frames.add(frame)
    for alias in ("USLT", "TCMP"):  # as FFmpeg calls lyrics and compilations among free texts
        frames.delall(f"TXXX:{alias}")
    _add_verbatim(frames, about)
    _add_totals(frames, about)
    _add_chapters(frames, about.chapters)


def _add_verbatim(frames: ID3, about: About) -> None:
    """Behind all others: what says the same as one of these takes its place."""
    for each in about.verbatim:
        if each.family != ID3V2:
            continue
        if isinstance(each.content, bytes):
            frames.unknown_frames.append(each.content)
        else:
            frames.add(_in_place_of_ours(frames, each) if each.is_said(about.tags) else each.content)


def _in_place_of_ours(frames: ID3, same: Verbatim) -> Frame:
    frame = same.content
    if isinstance(frame, mutagen.id3.USLT) or (isinstance(frame, mutagen.id3.COMM) and not frame.desc):
        first = USLT if isinstance(frame, mutagen.id3.USLT) else COMM
        frames.pop(f"{first.__name__}::{_UNKNOWN_LANGUAGE}", None)
        return first(frame.encoding, frame.lang, frame.desc, frame.text)
    if isinstance(frame, mutagen.id3.COMM | TXXX):
        frames.pop(f"TXXX:{free_name(same.name)}", None)
    return frame


def _add_totals(frames: ID3, about: About) -> None:
    for part, total, frame_id in _TOTALS:
        number = about.tags.get(part, "")
        if total in about.tags and number and "/" not in number:
            frames.delall(f"TXXX:{total}")
            frames.add(Frames[frame_id](encoding=Encoding.UTF8, text=[f"{number}/{about.tags[total]}"]))


def _add_pictures(frames: ID3, pictures: Sequence[Picture]) -> None:
    """No two with the same description, as ID3v2.4 has it (section 4.14): what they show is one for those that have none."""
    for each in pictures:
        kind = KINDS[each.kind]
        texts = chain((each.description, kind), (f"{kind} {number}" for number in count(2)))
        text = next(text for text in texts if f"APIC:{text}" not in frames)
        frames.add(APIC(encoding=Encoding.UTF8, mime=each.mime_type, type=each.kind, desc=text, data=each.data))


def _add_chapters(frames: ID3, chapters: Sequence[Chapter]) -> None:
    """As ID3v2 Chapter Frame Addendum 1.0 has them, in place of FFmpeg's; byte offsets aren't used.

    A table of contents is no must, and FFmpeg's has many chapters behind a number that is too small.
    """
    frames.delall("CHAP")
    frames.delall("CTOC")
    names = []
    for number, each in enumerate(chapters, 1):
        begin, end = (round(each[at] * each["time_base"] * 1000) for at in ("start", "end"))
        if not 0 <= begin <= _LAST_MILLISECOND:
            continue
        end = min(max(begin, end), _LAST_MILLISECOND)
        title = TIT2(encoding=Encoding.UTF8, text=[chapter_title(each, number)])
        names.append(f"ch{number - 1}")
        frames.add(CHAP(names[-1], begin, end, _UNUSED, _UNUSED, [title]))
    if 0 < len(names) <= _MOST_IN_A_TABLE:
        frames.add(CTOC("toc", CTOCFlags.TOP_LEVEL | CTOCFlags.ORDERED, names, []))


def _plain_frame(name: str, values: list[str]) -> Frame:
    """As FFmpeg writes it."""
    if name in _NUMBERS:
        return Frames[_NUMBERS[name]](encoding=Encoding.UTF8, text=values)
    return TXXX(encoding=Encoding.UTF8, desc=free_name(name), text=values)


def _frames(name: str, values: list[str]) -> list[Frame]:
    """Nothing where it has only a place among free texts."""
    if name in LINKS:
        return _links(name, values)
    frame = _frame(name, values)
    return [] if frame is None else [frame]


def _links(name: str, values: list[str]) -> list[Frame]:
    """Of some frames there can be several; they are Latin-1 (id3.org, ID3v2.4, section 4.3)."""
    kind = Frames[LINKS[name]]
    made = [kind(encoding=Encoding.UTF8, desc="", url=each) if name == "www" else kind(url=each) for each in values]
    is_fitting = all("://" in each and each.isascii() and not set(each) & {" ", "\n"} for each in values)
    return made if is_fitting and len({each.HashKey for each in made}) == len(made) else []


def _frame(name: str, values: list[str]) -> Frame | None:
    if name in DATES:
        return _DATE_FRAMES[DATES[name]](encoding=Encoding.UTF8, text=values)
    if name in _PEOPLE and all(_AFTER_ROLE in each for each in values):
        return Frames[_PEOPLE[name]](encoding=Encoding.UTF8, people=[each.split(_AFTER_ROLE, 1) for each in values])
    if name == _RECORDING and len(values) == 1:
        return UFID(owner=MUSICBRAINZ, data=values[0].encode())
    if name == "comment":
        return COMM(encoding=Encoding.UTF8, lang=_UNKNOWN_LANGUAGE, desc="", text=values)
    if name == "lyrics":
        return USLT(encoding=Encoding.UTF8, lang=_UNKNOWN_LANGUAGE, desc="", text="\n".join(values))
    if name == "podcast" and values == ["1"]:
        return PCST(value=1)
    frame_id = FRAMES.get(name) or (name.upper() if name in TEXTS_WITHOUT_NAME else None)
    return None if frame_id is None else Frames[frame_id](encoding=Encoding.UTF8, text=values)
