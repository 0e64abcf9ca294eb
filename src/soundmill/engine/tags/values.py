"""Tags with several values: FFmpeg reads the first one of some, and makes one text of others."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from mutagen import MutagenError
from mutagen.aiff import AIFF
from mutagen.apev2 import TEXT, APEv2
from mutagen.asf import ASF, ASFTags
from mutagen.flac import FLAC
from mutagen.id3 import COMM, ID3, RVA2, TXXX, UFID, PairedTextFrame, TextFrame, UrlFrame
from mutagen.mp4 import MP4, MP4FreeForm, MP4Tags
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from soundmill.engine.containers.aiff import comments_in
from soundmill.engine.containers.part import APE_KINDS, rewound
from soundmill.engine.containers.sniff import MATROSKA, MOV
from soundmill.engine.tags.names import ATOMS, ATOMS_OF_NUMBERS, FRAMES, LINKS, MUSICBRAINZ, WM_NAMES, tag_name
from soundmill.engine.tags.simple_tags import read_simple_tags

BETWEEN = ";"
"""What stands between values that have become one text: FFmpeg's choice."""

UNREADABLE = (
    MutagenError,
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    RecursionError,
    struct.error,
)
"""What mutagen raises for files that were built to confuse it."""

REPLAY_GAINS = {"track": "replaygain_track_gain", "album": "replaygain_album_gain"}
"""By what ID3's RVA2 calls them."""

type Values = Iterator[tuple[str, Iterable[object]]]

_ID3_KINDS = frozenset({"mp3", "aac", "wav", "aiff"})
_OGG = {"vorbis": OggVorbis, "opus": OggOpus, "flac": OggFLAC}
_NAMES_OF_FRAMES = {frame: name for name, frame in FRAMES.items()}
_NAMES_OF_LINKS = {frame: name for name, frame in LINKS.items()}
NAMES_OF_ATOMS = {
    **{atom: name for name, atom in ATOMS.items()},
    **{atom: name for name, (atom, _) in ATOMS_OF_NUMBERS.items()},
    "\xa9con": "conductor",  # Mp3tag's; others have a free text
}
NAMES_OF_PAIRS = {"trkn": "track", "disk": "disc"}
_NAMES_IN_WM = {each: name for name, each in WM_NAMES.items()}
_TWICE_IN_WM = frozenset({"artist", "composer", "genre", "mood", "publisher"})
# Of a comment and a description in Vorbis comments FFmpeg reads one; of the numbers of iTunes it reads some. A genre of ID3 that begins
# with a number ("80s", "2-Step") it takes for the one with that number in a list of old; of people with their roles it reads the first
# role, and of identifiers, loudness and links nothing. Conductors it takes for performers, and the date of a release for that of the recording.
_OVERLOOKED_IN_FRAMES = (
    *(
        "genre",
        "date",
        "releasedate",
        "conductor",
        "performer",
        "grouping",
        "movementname",
        "movement",
        "movementtotal",
    ),
    *("tipl", "tmcl", "musicbrainz_trackid", "podcast"),
    *LINKS,
    *REPLAY_GAINS.values(),
)
OVERLOOKED = {
    "flac": ("comment", "description"),
    "ogg": ("comment", "description"),
    # It takes numbers of 16 bits for signed ones.
    MOV: (
        *("track", "disc", "work", "movementname", "narrator", "publisher", "conductor", "podcastid", "podcasturl"),
        *ATOMS_OF_NUMBERS,
        "rating",
    ),
    # Of an album's title and a song's it takes the last one.
    MATROSKA: ("title", "artist", "album", "album_artist"),
    "mp3": _OVERLOOKED_IN_FRAMES,
    "aiff": (*_OVERLOOKED_IN_FRAMES, "comment"),
    # A description is a comment there, as that of Broadcast Wave is, and takes its place.
    "wav": (*_OVERLOOKED_IN_FRAMES, "comment", "description"),
    # Of ADTS it believes ID3v1 at the end, whose texts have 30 letters, more than ID3v2 at the begin.
    "aac": ("title", "artist", "album", *_OVERLOOKED_IN_FRAMES),
}
"""By kind of file, what FFmpeg doesn't read, or reads wrongly."""


def read_values(
    part: BinaryIO,
    kind: str,
    codec: str,
    frames: ID3 | None,
    atoms: MP4Tags | None = None,
    attributes: ASFTags | None = None,
) -> dict[str, tuple[str, ...]]:
    """The values of each tag that has several, and of those that FFmpeg overlooks. Nothing where they can't be read.

    ``kind`` is what :func:`soundmill.engine.containers.sniff.sniff` calls the file, ``codec`` FFmpeg's name of its sound, ``frames``,
    ``atoms`` and ``attributes`` what :func:`read_frames`, :func:`read_atoms` and :func:`read_attributes` found in it.
    """
    found: dict[str, tuple[str, ...]] = {}
    try:
        for name, values in _all_values(part, kind, codec, frames, atoms, attributes):
            # FFmpeg's muxer of Windows Media writes some twice.
            said = [text for each in values if (text := str(each)).strip()]
            texts = tuple(dict.fromkeys(said))
            if len(said) > 1 or (texts and name in OVERLOOKED.get(kind, ())):
                found.setdefault(name, texts)
    except UNREADABLE:
        return {}
    if "comment" not in found:
        found.pop("description", None)  # which is a comment then
    return found


def _all_values(
    part: BinaryIO, kind: str, codec: str, frames: ID3 | None, atoms: MP4Tags | None, attributes: ASFTags | None
) -> Values:
    if kind in ("flac", "ogg"):
        yield from _of_comments(read_comments(part, kind, codec))
    elif kind == MOV:
        yield from _of_atoms(atoms)
    elif kind in APE_KINDS:
        # FFmpeg reads the first one of each.
        yield from ((tag_name(name), list(item)) for name, item in APEv2(rewound(part)).items() if item.kind == TEXT)
    elif kind == MATROSKA:
        yield from ((tag_name(name), texts) for name, texts in read_simple_tags(part).items())
    elif kind == "asf":
        yield from _of_attributes(attributes)
    else:
        yield from values_of_frames(frames)
        if kind == "aiff":
            yield "comment", comments_in(part)


def read_comments(part: BinaryIO, kind: str, codec: str) -> Any:
    """mutagen's Vorbis comments of a FLAC or Ogg file, if it has some. Raises one of ``UNREADABLE``."""
    reader = FLAC if kind == "flac" else _OGG.get(codec.removeprefix("lib"))
    return reader(rewound(part)).tags if reader else None


def read_frames(part: BinaryIO, kind: str) -> ID3 | None:
    """The ID3v2 of a file of this ``kind``, if it has some that can be read."""
    if kind not in _ID3_KINDS:
        return None
    try:
        head = rewound(part).read(4)
        if kind == "aiff":
            tags: ID3 | None = AIFF(rewound(part)).tags
        elif kind == "wav":
            tags = WAVE(rewound(part)).tags if head == b"RIFF" else None  # mutagen knows no RF64
        else:
            tags = ID3(rewound(part), load_v1=False) if head.startswith(b"ID3") else None
    except UNREADABLE:
        return None
    return tags


def read_atoms(part: BinaryIO, kind: str) -> MP4Tags | None:
    """iTunes' atoms of a file of this ``kind``, if it has some that can be read."""
    if kind != MOV:
        return None
    try:
        atoms: MP4Tags | None = MP4(rewound(part)).tags
    except UNREADABLE:
        return None
    return atoms


def read_attributes(part: BinaryIO, kind: str) -> ASFTags | None:
    """The attributes of a Windows Media file, if it has some that can be read."""
    if kind != "asf":
        return None
    try:
        attributes: ASFTags | None = ASF(rewound(part)).tags
    except UNREADABLE:
        return None
    return attributes


def _by_name(tags: Any) -> Values:
    """mutagen's lists of names and values have no types of their own."""
    return iter(tags.as_dict().items() if tags else ())


def _of_attributes(attributes: ASFTags | None) -> Values:
    """Some programs write a text by its plain name and by Microsoft's, and need not write the same."""
    twice: dict[str, list[object]] = {}
    for key, texts in _by_name(attributes):
        name = _NAMES_IN_WM.get(key, tag_name(key))
        if name in _TWICE_IN_WM:
            twice.setdefault(name, []).extend(texts)
        else:
            yield name, texts
    yield from twice.items()


def _of_comments(comments: Any) -> Values:
    return ((tag_name(name), texts) for name, texts in _by_name(comments))


def _of_atoms(atoms: Mapping[str, list[object]] | None) -> Values:
    for name, values in (atoms or {}).items():
        if name in NAMES_OF_ATOMS:
            yield NAMES_OF_ATOMS[name], values
        elif name in NAMES_OF_PAIRS:
            yield NAMES_OF_PAIRS[name], [_of_total(each) for each in values[:1]]
        elif name.startswith("----:"):
            texts = [bytes(each).decode("utf-8", "replace") for each in values if isinstance(each, MP4FreeForm)]
            yield tag_name(name_of_free_atom(name)), texts


def name_of_free_atom(key: str) -> str:
    """Without whose it is: FFmpeg reads all alike. It is UTF-8, which mutagen takes for Latin-1."""
    return key.split(":", 2)[-1].encode("latin-1", "replace").decode("utf-8", "replace")


def _of_total(pair: Any) -> str:
    number, total = pair
    return f"{number}/{total}" if total else str(number)


def values_of_frames(frames: ID3 | None) -> Values:
    """The texts in frames of ID3, by our names."""
    links: dict[str, list[str]] = {}
    in_words = {tag_name(each.desc) for each in frames.getall("TXXX")} if frames else set()
    for frame in (frames or {}).values():
        if isinstance(frame, TXXX):
            yield tag_name(frame.desc), frame.text
        elif isinstance(frame, COMM) and not frame.desc:
            yield "comment", frame.text
        elif frame.FrameID == "TDRC" and frames is not None and frames.getall("TDRL"):
            yield "date", frame.text
        elif frame.FrameID == "TDRL" and frames is not None and frames.getall("TDRC"):
            yield "releasedate", frame.text
        elif frame.FrameID == "MVIN":
            yield from zip(("movement", "movementtotal"), ([each] for each in str(frame).split("/")), strict=False)
        elif isinstance(frame, UrlFrame) and not getattr(frame, "desc", ""):
            links.setdefault(_NAMES_OF_LINKS[frame.FrameID], []).append(frame.url)
        elif frame.FrameID == "PCST" and frame.value:
            yield "podcast", ["1"]
        elif frame.FrameID == "GRP1" and frames is not None and not frames.getall("TIT1"):
            yield "grouping", frame.text
        elif isinstance(frame, TextFrame) and frame.FrameID in _NAMES_OF_FRAMES:
            texts = frame.genres if frame.FrameID == "TCON" else frame.text
            yield _NAMES_OF_FRAMES[frame.FrameID], texts
        elif isinstance(frame, PairedTextFrame):
            yield frame.FrameID.lower(), [": ".join(pair) for pair in frame.people]
        elif isinstance(frame, UFID) and frame.owner == MUSICBRAINZ:
            yield "musicbrainz_trackid", [frame.data.decode("utf-8", "replace")]
        elif isinstance(frame, RVA2):
            name = REPLAY_GAINS.get(frame.desc.lower())
            if name is not None and name not in in_words:
                yield name, [f"{frame.gain:.2f} dB"]
    yield from links.items()
