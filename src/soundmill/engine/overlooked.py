"""What stands in tags, and FFmpeg says nothing of: APEv2 behind the sound of MP3 and its relatives, frames of ID3v2, and atoms of MP4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mutagen.apev2 import BINARY, TEXT, APEv2
from mutagen.id3 import COMM, ID3, PRIV, RVA2, UFID, Frame
from mutagen.mp4 import MP4Tags

from soundmill.engine.names import MUSICBRAINZ, tag_name
from soundmill.engine.values import REPLAY_GAINS, UNREADABLE

_APE_KINDS = frozenset({"mp3", "aac"})  # of the others that have it FFmpeg reads it
_APE_COVER = "cover art (front)"
# About the bytes of these very frames: to undo it in others would spoil them.
_OF_THESE_FRAMES = "mp3gain_"
# Read elsewhere, or about the file and not the music (id3.org, ID3v2.4 native frames).
_READ_OR_TECHNICAL_NAMES = """
APIC USLT MVNM MVIN CHAP CTOC PRIV MCDI MLLT ASPI SEEK POSS RBUF ENCR GRID SIGN LINK SYTC ETCO
"""
_OF_A_DJ = "TRAKTOR4"  # cue points, the grid of beats, and ratings; other programs' private frames are about the file
_MOST_NAMED = 100
_LONGEST_NAME = 100
_READ_OR_TECHNICAL = frozenset(_READ_OR_TECHNICAL_NAMES.split())


# What people wrote into them; the other ones that FFmpeg overlooks are numbers of a shop.
_UNREAD_ATOMS = {"sdes": "series description"}


# What podcasts have there.
_OF_CHAPTERS = {"APIC": "pictures of chapters", "WXXX": "links of chapters"}


@dataclass(frozen=True, slots=True)
class ApeTags:
    """``values`` by our names; ``cover`` as it stands there; ``other_pictures`` is how many there are besides."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cover: bytes | None = None
    other_pictures: int = 0
    is_above: bool = False
    """True where only ID3v1 is there besides, whose texts have 30 letters."""


def read_ape(path: Path, kind: str) -> ApeTags:
    """The APEv2 tag of a file of this ``kind``; an empty one where none can be read."""
    if kind not in _APE_KINDS:
        return ApeTags()
    try:
        items = dict(APEv2(path).items())
        with path.open("rb") as file:
            is_above = file.read(3) != b"ID3"
    except UNREADABLE:
        return ApeTags()
    values = {
        tag_name(name): tuple(map(str, item))
        for name, item in items.items()
        if item.kind == TEXT and not name.lower().startswith(_OF_THESE_FRAMES)
    }
    # Before the picture stands the name of its file.
    pictures = {
        name.lower(): bytes(item.value).partition(b"\0")[2]
        for name, item in items.items()
        if item.kind == BINARY and name.lower().startswith("cover art")
    }
    cover = pictures.pop(_APE_COVER, None)
    return ApeTags(values, cover, len(pictures), is_above)


def unread_frames(frames: ID3 | None) -> tuple[str, ...]:
    """Those of them that are carried nowhere, named for people, each once."""
    names = [*dict.fromkeys([*_unread(frames or {}), *_unread_of_chapters(frames)])]
    more = len(names) - _MOST_NAMED
    return (*names[:_MOST_NAMED], f"tags: {more} more") if more > 0 else tuple(names)


def unread_atoms(atoms: MP4Tags | None) -> tuple[str, ...]:
    """Those of iTunes' atoms that are carried nowhere, named for people."""
    return tuple(f"tag: {name} ({atom})" for atom, name in _UNREAD_ATOMS.items() if atoms and atom in atoms)


def _unread_of_chapters(frames: ID3 | None) -> Iterator[str]:
    for chapter in frames.getall("CHAP") if frames else ():
        for frame in getattr(chapter, "sub_frames", {}).values():
            if frame.FrameID != "TIT2":
                yield _OF_CHAPTERS.get(frame.FrameID, f"tag: {frame.FrameID} of chapters")


def _unread(frames: Mapping[str, Frame]) -> Iterator[str]:
    comments: dict[str, list[str]] = {}
    for frame in frames.values():
        name = frame.FrameID
        if isinstance(frame, COMM):
            # FFmpeg reads the first one of each description.
            first = comments.setdefault(frame.desc, frame.text)
            if frame.text != first:
                yield f"tag: {frame.desc[:_LONGEST_NAME] or 'comment'} ({frame.lang})"
            continue
        is_read = (isinstance(frame, UFID) and frame.owner == MUSICBRAINZ) or (
            isinstance(frame, RVA2) and frame.desc.lower() in REPLAY_GAINS
        )
        if isinstance(frame, PRIV) and frame.owner == _OF_A_DJ:
            yield f"tag: PRIV ({frame.owner})"
        if name == "GRP1":
            is_read = not any(each.startswith("TIT1") for each in frames)
        if not is_read and name not in _READ_OR_TECHNICAL and not name.startswith("T"):
            yield f"tag: {name}"
