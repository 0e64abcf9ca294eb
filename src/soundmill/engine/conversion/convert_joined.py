"""One conversion of several sources into one result, one behind the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from av.audio.frame import AudioFrame

from soundmill.engine.comparing.facts import decoded_sound, sound_facts
from soundmill.engine.conversion.join import (
    Joined,
    check_length,
    common_about,
    common_facts,
    common_sound,
    each_ones_facts,
    left_behind,
    named_errors,
)
from soundmill.engine.conversion.passes import OnPosition, Passes, behind
from soundmill.engine.conversion.report import made_report
from soundmill.engine.conversion.verify import Expected, check_edited, verify
from soundmill.engine.job import Job
from soundmill.engine.pcm.peaks import Drawings
from soundmill.engine.plan import make_plan
from soundmill.engine.reading.decode import Decoding
from soundmill.engine.reading.source import open_source
from soundmill.engine.tags.about import missing, read_about
from soundmill.engine.tags.retag import edited_about
from soundmill.engine.writing.encode import open_encoder
from soundmill.engine.writing.encoding import encode_all, encoding_errors
from soundmill.model.sound import ConversionReport


def convert_joined(job: Job, on_progress: Callable[[float], None]) -> ConversionReport:
    """Convert ``job.sources`` as :func:`soundmill.engine.conversion.convert.convert` does one. Raises ``ConversionError``.

    A first pass tells how long each source is: chapters stand before the sound in most formats.
    """
    passes = Passes(job, on_progress)
    joined = _all_heard(job, passes)
    check_length(joined, job.limits.decoded)
    plan = make_plan(common_sound([each.sound for each in joined]), job.target, job.options)
    about = common_about(joined, plan.sample_rate)
    wanted = edited_about(about, job.target, job.options)
    facts = common_facts(joined, about)
    drawings = Drawings(is_wanted=job.draws, is_edited=True)  # the result alone is one sound
    with encoding_errors():
        encoder = open_encoder(job.result_path, plan, wanted)
        frames = drawings.seen(_one_by_one(job, passes.encoding(facts.duration)))
        encoded_samples = encode_all(encoder, plan, frames)
    if all(each.has_one_rate and each.facts.sample_rate == plan.sample_rate for each in joined):
        check_edited(facts.sample_count, encoded_samples - plan.silent_tail)
    expected = Expected(encoded_samples, encoder.sum, encoder.listener)
    on_position = passes.verifying(encoded_samples / plan.sample_rate)
    verified = verify(job.result_path, job.target, plan, expected, job.limits, None, on_position)
    lost = (*left_behind(joined, plan, job.options), *missing(wanted, verified.about))
    report = made_report(job, plan, facts, verified.facts, lost, drawings)
    return replace(report, sources=each_ones_facts(joined))


def _all_heard(job: Job, passes: Passes) -> list[Joined]:
    # How long they are is what this is to find out, so the progress counts them.
    with passes.survey(len(job.sources)) as on_heard:
        return [
            _heard(job, path, name, behind(on_heard, number))
            for number, (path, name) in enumerate(zip(job.sources, job.names, strict=True))
        ]


def _heard(job: Job, path: Path, name: str, on_share: Callable[[float], None]) -> Joined:
    with named_errors(name), open_source(path, although_damaged=job.options.salvages) as source:
        about = read_about(path, source)
        decoding = Decoding(source, job.limits.decoded, salvages=job.options.salvages)
        expected_seconds = source.expected_seconds

        def on_position(seconds: float) -> None:
            if expected_seconds:
                on_share(min(1.0, seconds / expected_seconds))

        frames = decoding.frames(on_position)
        sound = decoded_sound(source, next(frames))
        others = {frame.sample_rate for frame in frames} - {sound.sample_rate}
        facts = sound_facts(path, source, decoding, about)
        return Joined(sound, facts, about, name, decoding.losses, has_one_rate=not others)


def _one_by_one(job: Job, on_position: OnPosition) -> Iterator[AudioFrame]:
    done = 0.0
    for path, name in zip(job.sources, job.names, strict=True):
        with named_errors(name), open_source(path, although_damaged=job.options.salvages) as source:
            decoding = Decoding(source, job.limits.decoded, salvages=job.options.salvages)
            yield from decoding.frames(behind(on_position, done))
        done += decoding.seconds
