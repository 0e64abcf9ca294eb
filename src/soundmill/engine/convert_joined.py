"""One conversion of several sources into one result, one behind the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from av.audio.frame import AudioFrame

from soundmill.engine.decode import Decoding
from soundmill.engine.encode import open_encoder
from soundmill.engine.encoding import encode_all, encoding_errors, progress
from soundmill.engine.facts import decoded_sound, sound_facts
from soundmill.engine.job import Job
from soundmill.engine.join import (
    Joined,
    check_length,
    common_about,
    common_facts,
    common_sound,
    each_ones_facts,
    left_behind,
    named_errors,
)
from soundmill.engine.peaks import Drawings
from soundmill.engine.plan import make_plan
from soundmill.engine.report import made_report
from soundmill.engine.retag import edited_about
from soundmill.engine.source import open_source
from soundmill.engine.tags import missing, read_about
from soundmill.engine.verify import Expected, check_edited, verify
from soundmill.model.sound import ConversionReport


def convert_joined(job: Job, on_progress: Callable[[float], None]) -> ConversionReport:
    """Convert ``job.sources`` as :func:`soundmill.engine.convert.convert` does one. Raises ``ConversionError``.

    A first pass tells how long each source is: chapters stand before the sound in most formats.
    """
    joined = [_heard(job, path, name) for path, name in zip(job.sources, job.names, strict=True)]
    check_length(joined, job.limits.decoded)
    plan = make_plan(common_sound([each.sound for each in joined]), job.target, job.options)
    about = common_about(joined, plan.sample_rate)
    wanted = edited_about(about, job.target, job.options)
    facts = common_facts(joined, about)
    drawings = Drawings(is_wanted=job.draws, is_edited=True)  # the result alone is one sound
    with encoding_errors():
        encoder = open_encoder(job.result_path, plan, wanted)
        frames = drawings.seen(_one_by_one(job, facts.duration, on_progress))
        encoded_samples = encode_all(encoder, plan, frames)
    if all(each.has_one_rate and each.facts.sample_rate == plan.sample_rate for each in joined):
        check_edited(facts.sample_count, encoded_samples - plan.silent_tail)
    expected = Expected(encoded_samples, encoder.sum, encoder.listener)
    verified = verify(job.result_path, job.target, plan, expected, job.limits, None)
    lost = (*left_behind(joined, plan, job.options), *missing(wanted, verified.about))
    report = made_report(job, plan, facts, verified.facts, lost, drawings)
    return replace(report, sources=each_ones_facts(joined))


def _heard(job: Job, path: Path, name: str) -> Joined:
    with named_errors(name), open_source(path, although_damaged=job.options.salvages) as source:
        about = read_about(path, source)
        decoding = Decoding(source, job.limits.decoded, salvages=job.options.salvages)
        frames = decoding.frames()
        sound = decoded_sound(source, next(frames))
        others = {frame.sample_rate for frame in frames} - {sound.sample_rate}
        facts = sound_facts(path, source, decoding, about)
        return Joined(sound, facts, about, name, decoding.losses, has_one_rate=not others)


def _one_by_one(job: Job, total_seconds: float, on_progress: Callable[[float], None]) -> Iterator[AudioFrame]:
    on_position = progress(total_seconds, on_progress)
    done = 0.0
    for path, name in zip(job.sources, job.names, strict=True):
        with named_errors(name), open_source(path, although_damaged=job.options.salvages) as source:
            decoding = Decoding(source, job.limits.decoded, salvages=job.options.salvages)
            yield from decoding.frames(partial(_behind, on_position, done))
        done += decoding.seconds


def _behind(on_position: Callable[[float], None], before: float, seconds: float) -> None:
    on_position(before + seconds)
