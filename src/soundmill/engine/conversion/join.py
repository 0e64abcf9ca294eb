"""Several sources as one sound: what form it has, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from av.rational import AVRational

from soundmill.engine.plan import Plan, Sound
from soundmill.engine.reading.salvage import told
from soundmill.engine.tags.about import About
from soundmill.engine.tags.picture import Picture
from soundmill.engine.tags.retag import asked_tags
from soundmill.engine.text import clock
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.names import split_extension
from soundmill.model.options import ConversionOptions
from soundmill.model.sound import SoundFacts

if TYPE_CHECKING:
    from av.container.core import Chapter  # in PyAV's stubs only

# Of one source, and not of all: its title names a chapter instead.
_OF_ONE = frozenset({"title", "track", "tracktotal", "cuesheet"})

_EXACT_IN_FLOAT = 25
"""Bits of an integer: a significand has 24, and its sign."""


@dataclass(frozen=True, slots=True)
class Joined:
    """One of the sources, known after a first pass over it. ``name`` is that of its file."""

    sound: Sound
    facts: SoundFacts
    about: About
    name: str
    losses: Callable[[Plan, ConversionOptions], Iterator[str]]
    """What a plan has no place for, although it was decoded; named for people."""
    has_one_rate: bool = True
    """False where it changes its sample rate midway: then it is as long as its facts say to some samples only."""

    @property
    def seconds(self) -> Fraction:
        """How long it is, exactly."""
        return Fraction(self.facts.sample_count, self.facts.sample_rate)


def common_sound(sounds: Sequence[Sound]) -> Sound:
    """What holds each of them: the highest rate, the most channels, the greatest depth."""
    widest = max(sounds, key=lambda each: each.channels)
    deepest = max(sounds, key=lambda each: (each.is_lossless, each.depth, each.is_float))
    return replace(
        deepest,
        sample_rate=max(each.sample_rate for each in sounds),
        channels=widest.channels,
        channel_layout=widest.channel_layout,
    )


def common_about(joined: Sequence[Joined], rate: int) -> About:
    """The tags on which all agree, the pictures of the first that has some, and a chapter for each source. ``rate`` is that of the result."""
    first, *others = (each.about for each in joined)
    tags = {
        name: text
        for name, text in first.tags.items()
        if name not in _OF_ONE and all(each.tags.get(name) == text for each in others)
    }
    pictures: tuple[Picture, ...] = next((each.about.pictures for each in joined if each.about.pictures), ())
    besides = {picture.data for each in joined for picture in each.about.pictures[1:]}
    unread = len(besides - {each.data for each in pictures}) + sum(each.about.unread_pictures for each in joined)
    return About(tags, pictures, tuple(_chapters(joined, rate)), several=first.several, unread_pictures=unread)


def left_behind(joined: Sequence[Joined], plan: Plan, options: ConversionOptions) -> tuple[str, ...]:
    """What ``plan`` has no place for, and what differs between the sources, named for people: one file can't say it of all."""
    damage = (f"{each.name}: {hole}" for each in joined for hole in told(each.facts.damage))
    losses = (f"{each.name}: {loss}" for each in joined for loss in each.losses(plan, options))
    about = () if options.strip_tags else _unsaid(joined, options)
    return (*damage, *losses, *_rounded(joined, plan), *about)


def _rounded(joined: Sequence[Joined], plan: Plan) -> Iterator[str]:
    """Integers that became floating point, since another source is, which has no place for all of their bits."""
    if plan.encoder.startswith("pcm_f"):
        for each in joined:
            if each.sound.is_lossless and not each.sound.is_float and each.sound.depth > _EXACT_IN_FLOAT:
                yield f"{each.name}: {each.sound.depth}-bit samples (all of it gets 32-bit float)"


def _unsaid(joined: Sequence[Joined], options: ConversionOptions) -> tuple[str, ...]:
    """Of what the sources say of themselves. Tags that the client sets or removes are as they were asked for."""
    asked = asked_tags(options) | _OF_ONE
    names = dict.fromkeys(name for each in joined for name in each.about.tags if name not in asked)
    differing = [name for name in names if len({each.about.tags.get(name) for each in joined}) > 1]
    covers = {each.about.cover.data for each in joined if each.about.cover is not None}
    unread = dict.fromkeys(name for each in joined for name in (*each.about.unread, *_verbatim(each.about, asked)))
    return (
        *(f"tag: {name} (differs between the sources)" for name in differing),
        *(["covers but the first"] if len(covers) > 1 else []),
        *(["chapters of the sources"] if any(each.about.chapters for each in joined) else []),
        *unread,
    )


def _verbatim(about: About, asked: frozenset[str]) -> Iterator[str]:
    return (each.shown for each in about.verbatim if each.name not in asked and not each.is_said(about.tags))


def common_facts(joined: Sequence[Joined], about: About) -> SoundFacts:
    """Facts of all sources together, at the first one's rate."""
    first = joined[0].facts
    seconds = sum(each.seconds for each in joined)
    return replace(
        first,
        duration=round(float(seconds), 6),
        sample_count=round(seconds * first.sample_rate),
        tags=dict(about.tags),
        has_cover=about.cover is not None,
        chapter_count=0,
        loudness=None,
        damage=(),
    )


def each_ones_facts(joined: Sequence[Joined]) -> tuple[SoundFacts, ...]:
    """Facts of each source, of whose tags only the title: a hundred sources' tags may be megabytes, in every list of tasks."""
    return tuple(
        replace(each.facts, tags={name: text for name, text in each.facts.tags.items() if name == "title"})
        for each in joined
    )


def check_length(joined: Sequence[Joined], longest: timedelta) -> None:
    """Raises ``ConversionError`` with ``TOO_LONG`` where all together are longer than one may be."""
    if sum(each.seconds for each in joined) > longest.total_seconds():
        raise ConversionError(
            FailureCode.TOO_LONG,
            f"Together the files hold more than the {clock(longest.total_seconds())} of sound that are allowed.",
        )


@contextmanager
def named_errors(name: str) -> Iterator[None]:
    """Say in which of the sources it went wrong."""
    try:
        yield
    except ConversionError as error:
        failure = error.failure
        raise ConversionError(
            failure.code,
            f"“{name}”: {failure.message}",
            retryable=failure.retryable,
            detail_for_log=error.detail_for_log,
        ) from error


def _chapters(joined: Sequence[Joined], rate: int) -> list[Chapter]:
    chapters: list[Chapter] = []
    begin = Fraction(0)
    for number, each in enumerate(joined):
        end = begin + each.seconds
        title = each.about.tags.get("title", "").strip() or split_extension(each.name)[0]
        chapters.append(
            {
                "id": number,
                "start": round(begin * rate),
                "end": round(end * rate),
                "time_base": AVRational(1, rate),
                "metadata": {"title": title},
            }
        )
        begin = end
    return chapters
