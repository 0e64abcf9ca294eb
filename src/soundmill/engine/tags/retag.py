"""What the result says of itself, where the client asked for something else than what the source says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from av.rational import AVRational

from soundmill.engine.shaping.edit import Edits
from soundmill.engine.tags.about import About
from soundmill.engine.tags.gains import gains_by_other_name, is_measured
from soundmill.engine.tags.names import tag_name
from soundmill.engine.tags.verbatim import told_of
from soundmill.model.formats import TargetFormat
from soundmill.model.options import ConversionOptions

if TYPE_CHECKING:
    from av.container.core import Chapter  # in PyAV's stubs only


def asked_tags(options: ConversionOptions) -> frozenset[str]:
    """Those that the client sets or removes, by our names."""
    return frozenset(map(tag_name, options.tags or {}))


def edited_about(about: About, target: TargetFormat, options: ConversionOptions, edits: Edits | None = None) -> About:
    """Tags as asked for and as ``target`` calls them, and chapters where their sound went with ``edits``."""
    if options.strip_tags:
        about = About()
    tags, asked = dict(about.tags), asked_tags(options)
    verbatim = tuple(each for each in about.verbatim if each.name not in asked)
    for name, text in (options.tags or {}).items():
        tags.pop(tag_name(name), None)
        if text.strip():
            tags[tag_name(name)] = text
    unread = about.unread
    if options.gain or options.loudness is not None:
        measured = [name for name in about.tags if is_measured(name) and tags.get(name) == about.tags[name]]
        unread += tuple(f"tag: {name} (the sound has another loudness now)" for name in measured)
        tags = {name: text for name, text in tags.items() if name not in measured}
        unread += told_of(
            (each for each in verbatim if each.is_measured), "the sound has another loudness now", about.tags
        )
        verbatim = tuple(each for each in verbatim if not each.is_measured)
    # Ogg Opus should only have its own (RFC 7845, section 5.2.1), but there are players that look for the other's there, too.
    made = gains_by_other_name(tags, is_ogg_opus=(target.codec, target.container) == ("opus", "ogg"))
    made = {name: text for name, text in made.items() if name not in asked}
    is_moved = edits is not None and (edits.start or edits.end is not None or edits.tempo != 1)
    chapters = moved_chapters(about.chapters, edits) if edits and is_moved else about.chapters
    if is_moved:
        unread += told_of((each for each in verbatim if each.is_timed), "the sound has other times now", about.tags)
        verbatim = tuple(each for each in verbatim if not each.is_timed)
    return replace(about, tags=tags | made, chapters=chapters, unread=unread, made=frozenset(made), verbatim=verbatim)


def moved_chapters(chapters: tuple[Chapter, ...], edits: Edits) -> tuple[Chapter, ...]:
    """Where their sound went with ``edits``, exact to the sample; those of which nothing is left are left out."""
    first, tempo = edits.start / edits.rate, edits.tempo
    last = None if edits.end is None else edits.end / edits.rate
    kept: list[Chapter] = []
    for each in chapters:
        start, end = float(each["start"] * each["time_base"]), float(each["end"] * each["time_base"])
        end = end if last is None else min(end, last)
        if max(start, first) < end:
            begins, ends = (round((max(0.0, at - first)) / tempo * edits.rate) for at in (start, end))
            if begins < ends:
                kept.append({**each, "start": begins, "end": ends, "time_base": AVRational(1, edits.rate)})
    return tuple(kept)
