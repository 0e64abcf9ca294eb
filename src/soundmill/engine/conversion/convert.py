"""One conversion from the first byte to the verified result. Runs in a confined process; see :mod:`.server`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from av.audio.frame import AudioFrame

from soundmill.engine.comparing.facts import declared_sound, decoded_sound, sound_facts
from soundmill.engine.conversion.beforehand import Beforehand, open_for
from soundmill.engine.conversion.bundle import PartsEncoder, WrittenPart, bundle, without_tail
from soundmill.engine.conversion.convert_joined import convert_joined
from soundmill.engine.conversion.divide import Part, parts, places, unwritten
from soundmill.engine.conversion.passes import Passes, behind
from soundmill.engine.conversion.remux import NotCopyable, copy_sound
from soundmill.engine.conversion.report import made_report
from soundmill.engine.conversion.verify import Expected, Listeners, Verified, check_edited, verify
from soundmill.engine.job import Job
from soundmill.engine.parallel.awaited import AwaitedHelp, HelpCame
from soundmill.engine.parallel.crew import Crew
from soundmill.engine.parallel.seams import Unstitchable
from soundmill.engine.parallel.side_by_side import SideBySide, can_decode, is_by_sample
from soundmill.engine.parallel.split import SplitEncoder, can_be_split, is_worth_lending, suited
from soundmill.engine.pcm.loudness import LoudnessMeter, PartMeter
from soundmill.engine.pcm.peaks import Drawings
from soundmill.engine.plan import Plan, copy_plan, make_plan
from soundmill.engine.reading.decode import Decoding
from soundmill.engine.reading.source import Source
from soundmill.engine.shaping.edit import Editor, Edits
from soundmill.engine.tags.about import About, missing, read_about
from soundmill.engine.tags.retag import edited_about
from soundmill.engine.writing.encode import Encoder, open_encoder
from soundmill.engine.writing.encoding import encode_all, encoding_errors
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.sound import ConversionReport, SoundFacts


def convert(job: Job, on_progress: Callable[[float], None], crew: Crew | None = None) -> ConversionReport:
    """Convert ``job.source`` into ``job.result_path``, by copying where that is enough, and verify it. ``on_progress`` gets 0 to 1, a few times a second.

    A ``crew`` encodes what is long, piece by piece side by side. Raises ``ConversionError``; a result that is there then is worth nothing.
    """
    if job.following:
        return convert_joined(job, on_progress)
    with open_for(job) as source:
        about = read_about(job.source, source)
        copying = copy_plan(source.kind, declared_sound(source), job.target, job.options)
        if source.damage is not None or source.is_chained or job.options.is_split:
            copying = None
        if copying is None:
            return _made(job, source, about, on_progress, crew)
        report = _copied(job, source, about, copying, on_progress)
    if report is not None:
        return report
    with open_for(job) as source:
        return _made(job, source, about, on_progress, crew)


def _made(
    job: Job, source: Source, about: About, on_progress: Callable[[float], None], crew: Crew | None
) -> ConversionReport:
    """By the ``crew`` where there is one and the pieces fit together, else in one piece."""
    passes = Passes(job, on_progress)
    beforehand = Beforehand(job, passes)
    if crew is None:
        return _encoded(job, source, about, passes, beforehand)
    try:
        return _split(job, source, about, passes, beforehand, crew)
    except Unstitchable as why:
        remarks = (f"encoded in one piece: {why}",)
    with open_for(job) as again:
        return replace(_encoded(job, again, about, passes, beforehand), remarks=remarks)


def _copied(
    job: Job, source: Source, about: About, plan: Plan, on_progress: Callable[[float], None]
) -> ConversionReport | None:
    """Nothing where a copy isn't to the sample what the source is: a container may not know where the sound begins or ends."""
    drawings = Drawings(is_wanted=job.draws)
    decoding = Decoding(source, job.limits.decoded, _meter(job), peaks=drawings.source, counts=True)
    wanted = edited_about(about, job.target, job.options)
    passes = Passes(job, on_progress)
    try:
        copied = copy_sound(job.result_path, source, decoding, plan, wanted, passes.encoding(source.expected_seconds))
    except NotCopyable:
        return None
    except ConversionError as error:
        if job.options.salvages and error.failure.code is FailureCode.DAMAGED_INPUT:
            return None
        raise
    if (decoding.sample_rate, decoding.channels) != (plan.sample_rate, plan.channels):
        return None
    try:
        expected = Expected(decoding.sample_count, listener=copied)
        on_position = passes.verifying(decoding.seconds)
        verified = verify(job.result_path, job.target, plan, expected, job.limits, _meter(job), on_position)
    except ConversionError:
        return None
    source_facts = sound_facts(job.source, source, decoding, about)
    return made_report(job, plan, source_facts, verified.facts, missing(wanted, verified.about), drawings)


def _split(
    job: Job, source: Source, about: About, passes: Passes, beforehand: Beforehand, crew: Crew
) -> ConversionReport:
    """Raises ``Unstitchable`` where the pieces don't fit together."""
    try:
        return _encoded(job, source, about, passes, beforehand, crew)
    except HelpCame:
        with open_for(job) as again:
            return _split(job, again, about, passes, beforehand, crew)


def _encoded(
    job: Job, source: Source, about: About, passes: Passes, beforehand: Beforehand, crew: Crew | None = None
) -> ConversionReport:
    drawings = Drawings(is_wanted=job.draws, is_edited=job.options.edits_sound)
    decoding = Decoding(source, job.limits.decoded, _meter(job), salvages=job.options.salvages)
    help_to_come = AwaitedHelp()
    frames = decoding.frames(passes.encoding(source.expected_seconds, help_to_come))
    first = next(frames)
    plan = make_plan(decoded_sound(source, first), job.target, job.options)
    edits = beforehand.edits(plan, first.sample_rate)
    expected_seconds = _edited_seconds(source.expected_seconds or 0, edits)
    members = suited(crew, expected_seconds)
    if crew is not None and members is None and is_worth_lending(plan, expected_seconds) and not job.options.is_split:
        help_to_come.call(crew)
    crew = members
    if crew is not None and _is_as_it_stands(job, source, plan) and can_decode(source, plan):
        return _decoded_side_by_side(job, about, plan, passes, crew)
    is_drawn_late = _is_drawn_alike(source, plan) and is_by_sample(source, plan) and not job.options.edits_sound
    sound: Iterator[AudioFrame] = chain([first], frames)
    if not is_drawn_late:
        sound = drawings.seen_by_source(sound)
    wanted = edited_about(about, job.target, job.options, edits)
    divided = _parts(job, plan, about, wanted, edits, first.sample_rate, beforehand) if job.options.is_split else ()
    editor = None if edits is None else Editor(edits, plan)
    with encoding_errors():
        encoder = _opened(job, plan, wanted, divided, crew, expected_seconds)
        if editor is not None:
            sound = drawings.seen(editor.edited(sound))
        late_meter = drawings.source if is_drawn_late else None
        encoded_samples = encode_all(encoder, without_tail(plan) if divided else plan, sound, late_meter)
    if edits is not None and editor is not None:
        if editor.has_one_rate:
            check_edited(decoding.sample_count, editor.source_samples)
        check_edited(edits.sample_count(editor.source_samples), editor.sample_count)
    source_facts = sound_facts(job.source, source, decoding, about)
    if isinstance(encoder, PartsEncoder):
        behind = unwritten(divided, len(encoder.written), is_damaged=bool(decoding.holes))
        facts, lost = _bundled(job, plan, encoder, encoded_samples, passes)
        lost = (*behind, *lost)
    else:
        verified = _verified(job, plan, encoder, encoded_samples, passes, crew)
        facts, lost = verified.facts, missing(wanted, verified.about)
    edited_losses = () if editor is None else editor.losses()
    lost = (*decoding.losses(plan, job.options), *edited_losses, *lost)
    return made_report(job, plan, source_facts, facts, lost, drawings)


def _opened(
    job: Job, plan: Plan, wanted: About, divided: tuple[Part, ...], crew: Crew | None, expected_seconds: float
) -> Encoder:
    is_checked = not job.options.wants_loudness  # else all of it is decoded afterwards
    splits = crew is not None and can_be_split(plan)

    def opened(path: Path, about: About, seconds: float, *, lends: bool = False) -> Encoder:
        if splits and (members := suited(crew, seconds)) is not None:
            return SplitEncoder(path, plan, about, members, seconds, is_checked=is_checked, lends=lends)
        return open_encoder(path, plan, about)

    if divided:
        most = round(expected_seconds * plan.sample_rate)
        return PartsEncoder(
            job.directory,
            plan,
            divided,
            lambda path, part: opened(path, part.about, part.samples(most) / plan.sample_rate),
            lambda samples, encoder: _expected(samples, encoder, crew),
        )
    return opened(job.result_path, wanted, expected_seconds, lends=is_worth_lending(plan, expected_seconds))


def _verified(
    job: Job, plan: Plan, encoder: Encoder, encoded_samples: int, passes: Passes, crew: Crew | None
) -> Verified:
    expected = _expected(encoded_samples, encoder, crew)
    on_position = passes.verifying(encoded_samples / plan.sample_rate)
    return verify(job.result_path, job.target, plan, expected, job.limits, _meter(job), on_position)


def _expected(samples: int, encoder: Encoder, crew: Crew | None) -> Expected:
    listener = encoder.listener
    if crew is not None:
        listener = Listeners(crew, encoder.prints if isinstance(encoder, SplitEncoder) else (), listener)
    return Expected(samples, encoder.sum, listener)


def _is_as_it_stands(job: Job, source: Source, plan: Plan) -> bool:
    """True where each sample goes from the source into the result, and what is drawn looks the same in both."""
    options = job.options
    is_left_alone = not (options.edits_sound or options.wants_loudness or options.is_split)
    is_whole = source.damage is None
    return is_left_alone and is_whole and (not job.draws or _is_drawn_alike(source, plan))


def _is_drawn_alike(source: Source, plan: Plan) -> bool:
    """True where what goes into the encoder looks as the source does: a mix of channels is lower."""
    return plan.channels == source.stream.codec_context.channels


def _decoded_side_by_side(job: Job, about: About, plan: Plan, passes: Passes, crew: Crew) -> ConversionReport:
    wanted = edited_about(about, job.target, job.options)
    drawings = Drawings(is_wanted=job.draws)
    with open_for(job) as source:
        decoding = SideBySide(source, plan, crew, job.limits.decoded.total_seconds())
        with encoding_errors():
            encoder = open_encoder(job.result_path, plan, wanted)
            frames = drawings.seen_by_source(decoding.frames(passes.encoding(source.expected_seconds)))
            encoded_samples = encode_all(encoder, plan, frames)
        source_facts = sound_facts(job.source, source, decoding, about)
    expected = Expected(encoded_samples, encoder.sum, encoder.listener)
    on_position = passes.verifying(encoded_samples / plan.sample_rate)
    verified = verify(job.result_path, job.target, plan, expected, job.limits, None, on_position)
    return made_report(job, plan, source_facts, verified.facts, missing(wanted, verified.about), drawings)


def _edited_seconds(seconds: float, edits: Edits | None) -> float:
    return seconds if edits is None else edits.sample_count(round(seconds * edits.rate)) / edits.rate


def _parts(
    job: Job, plan: Plan, about: About, wanted: About, edits: Edits | None, rate: int, beforehand: Beforehand
) -> tuple[Part, ...]:
    chapters = places(job.options, about, lambda: beforehand.pieces_between_pauses(edits or Edits(rate), plan))
    return parts(chapters, job.options, wanted, edits, plan, job.target.extension)


def _bundled(
    job: Job, plan: Plan, encoder: PartsEncoder, encoded_samples: int, passes: Passes
) -> tuple[SoundFacts, tuple[str, ...]]:
    meter = _meter(job)
    on_position, done = passes.verifying(encoded_samples / plan.sample_rate), 0.0

    def check(written: WrittenPart) -> Verified:
        nonlocal done
        of_part = None if meter is None else PartMeter(meter)
        here = behind(on_position, done)
        verified = verify(written.path, job.target, plan, written.expected, job.limits, of_part, here)
        done += verified.facts.duration
        return verified

    facts, lost = bundle(job.result_path, encoder.written, check)
    return (facts if meter is None else replace(facts, loudness=meter.result())), lost


def _meter(job: Job) -> LoudnessMeter | None:
    return LoudnessMeter() if job.options.wants_loudness else None
