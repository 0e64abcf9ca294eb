"""Vorbis comments, in Ogg and FLAC: tags, chapters and cover by mutagen, where FFmpeg doesn't write them or writes them as others."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

from mutagen.flac import FLAC
from mutagen.flac import Picture as PictureBlock
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from soundmill.engine.tags.about import About, chapter_title
from soundmill.engine.tags.names import COMMENTS
from soundmill.engine.tags.picture import Picture

_KINDS = {b"fLaC": FLAC, b"OpusHead": OggOpus, b"\x01vorbis": OggVorbis, b"\x7fFLAC": OggFLAC}
PICTURE_COMMENT = "METADATA_BLOCK_PICTURE"
# A metadata block's size has 24 bits (RFC 9639, section 8.1); its header, type and form want room, too.
_LARGEST_FLAC_PICTURE_BYTES = (1 << 24) - 1024
_IN_FLAC_BY_FFMPEG = frozenset({"mjpeg", "png", "webp"})
_HEAD_BYTES = 64
_TOTALS = {"track": "TRACKTOTAL", "disc": "DISCTOTAL"}
_PAIR = re.compile(r"\s*(\d+)\s*/\s*(\d+)\s*", re.ASCII)
# Their numbers have three digits. With ten thousand a file of a second would cost minutes, and no reader would find them.
_MOST_CHAPTERS = 999


def write_comments(path: Path, about: About) -> None:
    """Put tags, chapters and cover into a finished file of Ogg Vorbis."""
    comments = list(_comments(about))
    if comments:
        written = OggVorbis(path)
        for name, values in comments:
            written[name] = values
        written.save()


def mend_comments(path: Path, about: About) -> None:
    """What FFmpeg wrote as another comment, or as one value, and pictures that it has no place for, in the finished file of FLAC or Ogg."""
    pairs = {tag for tag in _TOTALS if "/" in about.tags.get(tag, "")}
    mended = {*about.several, *pairs, "comment"} & about.tags.keys()
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    kind = next(kind for magic, kind in _KINDS.items() if magic in head)
    # Of several in Ogg FFmpeg would take the last.
    of_ogg = about.pictures if len(about.pictures) > 1 else ()
    lacking = flac_pictures(about, by_ffmpeg=False) if kind is FLAC else of_ogg
    if not mended and not lacking:
        return
    song = kind(path)
    song.pop("DESCRIPTION", None)  # FFmpeg's name for a comment
    # In their order, as ever: the same file is to become the same.
    for tag in about.tags:
        if tag in mended or tag == "description":
            for name, values in _comments_of(tag, about):
                song[name] = values
    if kind is FLAC:
        for each in lacking:
            song.add_picture(_block(each))
    elif lacking:
        song[PICTURE_COMMENT] = [*map(picture_block, lacking)]
    song.save()


def flac_pictures(about: About, *, by_ffmpeg: bool) -> tuple[Picture, ...]:
    """Of those that FLAC can hold, the ones that FFmpeg's muxer takes, or the others."""
    return tuple(
        each
        for each in about.pictures
        if len(each.data) + len(each.description.encode()) <= _LARGEST_FLAC_PICTURE_BYTES
        and (each.codec in _IN_FLAC_BY_FFMPEG) == by_ffmpeg
    )


def can_name(tag: str) -> bool:
    """True of printable ASCII without “=”, and but for “~” (Vorbis I, section 5.2.2): players can't tell others apart, or take a part for the text."""
    return bool(tag) and all(" " <= each <= "}" and each != "=" for each in tag)


def picture_block(picture: Picture) -> str:
    """The value of a ``METADATA_BLOCK_PICTURE`` comment: FLAC's picture block in base64 (xiph.org, VorbisComment)."""
    return base64.b64encode(_block(picture).write()).decode("ascii")


def _block(picture: Picture) -> PictureBlock:
    block = PictureBlock()
    block.type, block.mime, block.desc, block.data = picture.kind, picture.mime_type, picture.description, picture.data
    block.width, block.height, block.depth = picture.width, picture.height, 24
    return block


def chapter_comments(about: About) -> dict[str, str]:
    """Chapters as comments (xiph.org, Chapter Extension). FFmpeg's own are late by a second wherever half of one has passed."""
    comments: dict[str, str] = {}
    if len(about.chapters) > _MOST_CHAPTERS:
        return comments
    for number, chapter in enumerate(about.chapters, 1):
        milliseconds = round(chapter["start"] * chapter["time_base"] * 1000)
        hours, minutes, seconds = milliseconds // 3_600_000, milliseconds // 60_000 % 60, milliseconds % 60_000 / 1000
        comments[f"CHAPTER{number:03}"] = f"{hours:02}:{minutes:02}:{seconds:06.3f}"
        comments[f"CHAPTER{number:03}NAME"] = chapter_title(chapter, number)
    return comments


def _comments(about: About) -> Iterator[tuple[str, list[str]]]:
    for tag in about.tags:
        yield from _comments_of(tag, about)
    for name, text in chapter_comments(about).items():
        yield name, [text]
    if about.pictures:
        yield PICTURE_COMMENT, [*map(picture_block, about.pictures)]


def _comments_of(tag: str, about: About) -> Iterator[tuple[str, list[str]]]:
    values = list(about.values(tag))
    if tag in _TOTALS and (pair := _PAIR.fullmatch(values[0])):
        # A number there, and nothing else; how many there are has a comment of its own (wiki.xiph.org, Field names).
        yield COMMENTS[tag], [pair[1]]
        if _TOTALS[tag].lower() not in about.tags:
            yield _TOTALS[tag], [pair[2]]
    elif can_name(tag):
        yield COMMENTS.get(tag, tag.upper()), values
