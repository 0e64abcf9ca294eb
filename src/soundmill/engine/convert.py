"""One conversion from the first byte to the verified result. Runs in a confined process; see :mod:`.server`."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import av
import soundfile
from av.audio.frame import AudioFrame

from soundmill import __version__
from soundmill.engine.bundle import PartsEncoder, bundle, without_tail
from soundmill.engine.crew import Crew
from soundmill.engine.decode import Decoding
from soundmill.engine.divide import Part, check_all_written, parts, places
from soundmill.engine.edit import Editor, Edits, make_edits
from soundmill.engine.encode import Encoder, open_encoder
from soundmill.engine.facts import codec_name, sound_facts
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
from soundmill.engine.loudness import LoudnessMeter
from soundmill.engine.pauses import pieces_between_pauses
from soundmill.engine.peaks import Drawings, PeakMeter
from soundmill.engine.plan import Plan, Sound, copy_plan, make_plan
from soundmill.engine.remux import NotCopyable, copy_sound
from soundmill.engine.reshape import Reshaper
from soundmill.engine.retag import edited_about
from soundmill.engine.salvage import told
from soundmill.engine.seams import Unstitchable
from soundmill.engine.side_by_side import SideBySide, can_decode, is_by_sample
from soundmill.engine.silent_ends import without_silent_ends
from soundmill.engine.source import Source, open_source
from soundmill.engine.split import SHORTEST_SPLIT_SECONDS, SplitEncoder, can_be_split
from soundmill.engine.survey import Surveyed, settle, unreached
from soundmill.engine.tags import About, missing, read_about
from soundmill.engine.verify import Listeners, Verified, check_edited, verify
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.sound import ConversionReport, SoundFacts

if TYPE_CHECKING:
    from av.container.core import Chapter  # in PyAV's stubs only

_REPORT_SECONDS = 0.25
# Encoding takes most of the time; verifying gets the rest of the progress bar.
_ENCODING_SHARE = 0.95
_SNDFILE_SYSTEM_ERROR = 2  # SF_ERR_SYSTEM of sndfile.h


def convert(job: Job, on_progress: Callable[[float], None], crew: Crew | None = None) -> ConversionReport:
    """Convert ``job.source`` into ``job.result_path``, by copying where that is enough, and verify it. ``on_progress`` gets 0 to 1, a few times a second.

    A ``crew`` encodes what is long, piece by piece side by side. Raises ``ConversionError``; a result that is there then is worth nothing.
    """
    if job.following:
        return _joined(job, on_progress)
    with _open(job) as source:
        about = read_about(job.source, source)
        copying = copy_plan(source.kind, _declared_sound(source), job.target, job.options)
        if source.damage is not None or source.is_chained or job.options.is_split:
            copying = None
        report = None
        if copying is not None:
            report = _copied(job, source, about, copying, on_progress)
        elif crew is None:
            return _encoded(job, source, about, on_progress)
        else:
            report = _split(job, source, about, on_progress, crew)
    if report is not None:
        return report
    with _open(job) as source:
        return _encoded(job, source, about, on_progress)


def _open(job: Job) -> Source:
    return open_source(job.source, job.options.audio_stream, although_damaged=job.options.salvages)


def versions() -> dict[str, str]:
    """Of everything that had a part in a result."""
    return {
        "soundmill": __version__,
        "ffmpeg": av.ffmpeg_version_info,
        "libsndfile": soundfile.__libsndfile_version__,
    }


def _copied(
    job: Job, source: Source, about: About, plan: Plan, on_progress: Callable[[float], None]
) -> ConversionReport | None:
    """Nothing where a copy isn't to the sample what the source is: a container may not know where the sound begins or ends."""
    drawings = Drawings(is_wanted=job.draws)
    decoding = Decoding(source, job.limits.decoded, _meter(job), peaks=drawings.source, counts=True)
    wanted = edited_about(about, job.options)
    try:
        copied = copy_sound(
            job.result_path, source, decoding, plan, wanted, _progress(source.expected_seconds, on_progress)
        )
    except NotCopyable:
        return None
    except ConversionError as error:
        if job.options.salvages and error.failure.code is FailureCode.DAMAGED_INPUT:
            return None
        raise
    if (decoding.sample_rate, decoding.channels) != (plan.sample_rate, plan.channels):
        return None
    try:
        verified = verify(job.result_path, job.target, plan, decoding.sample_count, job.limits, _meter(job), copied)
    except ConversionError:
        return None
    source_facts = sound_facts(job.source, source, decoding, about)
    return _report(job, plan, source_facts, verified.facts, missing(wanted, verified.about), drawings)


def _split(
    job: Job, source: Source, about: About, on_progress: Callable[[float], None], crew: Crew
) -> ConversionReport | None:
    """Nothing where the pieces don't fit together."""
    try:
        return _encoded(job, source, about, on_progress, crew)
    except Unstitchable as why:
        sys.stderr.write(f"{job.source.name} is encoded in one piece: {why}\n")
        return None


def _encoded(
    job: Job, source: Source, about: About, on_progress: Callable[[float], None], crew: Crew | None = None
) -> ConversionReport:
    drawings = Drawings(is_wanted=job.draws, is_edited=job.options.edits_sound)
    decoding = Decoding(source, job.limits.decoded, _meter(job), salvages=job.options.salvages)
    frames = decoding.frames(_progress(source.expected_seconds, on_progress))
    first = next(frames)
    plan = make_plan(_sound(source, first), job.target, job.options)
    expected_seconds = source.expected_seconds or 0
    is_long = expected_seconds >= SHORTEST_SPLIT_SECONDS
    if crew is not None and is_long and _is_as_it_stands(job, source, plan) and can_decode(source, plan):
        return _decoded_side_by_side(job, about, plan, on_progress, crew)
    is_drawn_late = _is_drawn_alike(source, plan) and is_by_sample(source, plan) and not job.options.edits_sound
    sound: Iterator[AudioFrame] = chain([first], frames)
    if not is_drawn_late:
        sound = drawings.seen_by_source(sound)
    edits = _edits(job, plan, first.sample_rate) if job.options.edits_sound else None
    wanted = edited_about(about, job.options, edits)
    divided = _parts(job, plan, about, wanted, edits, first.sample_rate) if job.options.is_split else ()
    editor = None if edits is None else Editor(edits, plan)
    with _encoding_errors():
        if divided:
            encoder: Encoder = PartsEncoder(job.directory, plan, divided)
        elif crew is not None and is_long and can_be_split(plan):
            is_checked = not job.options.wants_loudness  # else all of it is decoded afterwards
            encoder = SplitEncoder(job.result_path, plan, wanted, crew, expected_seconds, is_checked=is_checked)
        else:
            encoder = open_encoder(job.result_path, plan, wanted)
        if editor is not None:
            sound = drawings.seen(editor.edited(sound))
        late_meter = drawings.source if is_drawn_late else None
        encoded_samples = _encode(encoder, without_tail(plan) if divided else plan, sound, late_meter)
    if edits is not None and editor is not None:
        check_edited(edits.sample_count(decoding.sample_count), editor.sample_count)
    source_facts = sound_facts(job.source, source, decoding, about)
    if isinstance(encoder, PartsEncoder):
        check_all_written(divided, len(encoder.written))
        facts, lost = _bundled(job, plan, encoder)
    else:
        known = (encoder.prints, encoder.assembled) if isinstance(encoder, SplitEncoder) else ()
        listeners = Listeners(crew, *known) if crew is not None and is_long else None
        verified = verify(job.result_path, job.target, plan, encoded_samples, job.limits, _meter(job), listeners)
        facts, lost = verified.facts, missing(wanted, verified.about)
    lost = (*decoding.losses(plan, job.options), *lost)
    return _report(job, plan, source_facts, facts, lost, drawings)


def _is_as_it_stands(job: Job, source: Source, plan: Plan) -> bool:
    """True where each sample goes from the source into the result, and what is drawn looks the same in both."""
    options = job.options
    is_left_alone = not (options.edits_sound or options.wants_loudness or options.is_split)
    is_whole = source.damage is None
    return is_left_alone and is_whole and (not job.draws or _is_drawn_alike(source, plan))


def _is_drawn_alike(source: Source, plan: Plan) -> bool:
    """True where what goes into the encoder looks as the source does: a mix of channels is lower."""
    return plan.channels == source.stream.codec_context.channels


def _decoded_side_by_side(
    job: Job, about: About, plan: Plan, on_progress: Callable[[float], None], crew: Crew
) -> ConversionReport:
    wanted = edited_about(about, job.options)
    drawings = Drawings(is_wanted=job.draws)
    with _open(job) as source:
        decoding = SideBySide(source, plan, crew, job.limits.decoded.total_seconds())
        with _encoding_errors():
            encoder = open_encoder(job.result_path, plan, wanted)
            frames = drawings.seen_by_source(decoding.frames(_progress(source.expected_seconds, on_progress)))
            encoded_samples = _encode(encoder, plan, frames)
        source_facts = sound_facts(job.source, source, decoding, about)
    verified = verify(job.result_path, job.target, plan, encoded_samples, job.limits, None)
    return _report(job, plan, source_facts, verified.facts, missing(wanted, verified.about), drawings)


def _joined(job: Job, on_progress: Callable[[float], None]) -> ConversionReport:
    """A first pass tells how long each source is: chapters stand before the sound in most formats."""
    joined = [_heard(job, path, name) for path, name in zip(job.sources, job.names, strict=True)]
    check_length(joined, job.limits.decoded)
    plan = make_plan(common_sound([each.sound for each in joined]), job.target, job.options)
    about = common_about(joined, plan.sample_rate)
    wanted = edited_about(about, job.options)
    facts = common_facts(joined, about)
    drawings = Drawings(is_wanted=job.draws, is_edited=True)  # the result alone is one sound
    with _encoding_errors():
        encoder = open_encoder(job.result_path, plan, wanted)
        frames = drawings.seen(_one_by_one(job, facts.duration, on_progress))
        encoded_samples = _encode(encoder, plan, frames)
    if all(each.facts.sample_rate == plan.sample_rate for each in joined):
        check_edited(facts.sample_count, encoded_samples - plan.silent_tail)
    verified = verify(job.result_path, job.target, plan, encoded_samples, job.limits, None)
    lost = (*left_behind(joined), *missing(wanted, verified.about))
    report = _report(job, plan, facts, verified.facts, lost, drawings)
    return replace(report, sources=each_ones_facts(joined))


def _heard(job: Job, path: Path, name: str) -> Joined:
    with named_errors(name), open_source(path, although_damaged=job.options.salvages) as source:
        about = read_about(path, source)
        decoding = Decoding(source, job.limits.decoded, salvages=job.options.salvages)
        frames = decoding.frames()
        sound = _sound(source, next(frames))
        for _ in frames:
            pass
        return Joined(sound, sound_facts(path, source, decoding, about), about, name)


def _one_by_one(job: Job, total_seconds: float, on_progress: Callable[[float], None]) -> Iterator[AudioFrame]:
    on_position = _progress(total_seconds, on_progress)
    done = 0.0
    for path, name in zip(job.sources, job.names, strict=True):
        with named_errors(name), open_source(path, although_damaged=job.options.salvages) as source:
            decoding = Decoding(source, job.limits.decoded, salvages=job.options.salvages)
            yield from decoding.frames(partial(_behind, on_position, done))
        done += decoding.seconds


def _behind(on_position: Callable[[float], None], before: float, seconds: float) -> None:
    on_position(before + seconds)


def _parts(job: Job, plan: Plan, about: About, wanted: About, edits: Edits | None, rate: int) -> tuple[Part, ...]:
    def pauses() -> list[Chapter]:
        with _another_pass(job) as decoding:
            return pieces_between_pauses(edits or Edits(rate), job.options, plan, decoding.frames())

    chapters = places(job.options, about, pauses)
    return parts(chapters, job.options, wanted, edits, plan, job.target.extension)


def _bundled(job: Job, plan: Plan, encoder: PartsEncoder) -> tuple[SoundFacts, tuple[str, ...]]:
    def check(file: Path, samples: int) -> Verified:
        return verify(file, job.target, plan, samples, job.limits, None)

    return bundle(job.result_path, encoder.written, check)


@contextmanager
def _another_pass(job: Job) -> Iterator[Decoding]:
    with _open(job) as source:
        yield Decoding(source, job.limits.decoded, salvages=job.options.salvages)


def _edits(job: Job, plan: Plan, rate: int) -> Edits:
    def measure(edits: Edits) -> Surveyed:
        meter = LoudnessMeter()
        with _another_pass(job) as decoding:
            for frame in Editor(edits, plan).edited(decoding.frames()):
                meter.add(frame)
            return Surveyed(decoding.sample_count, meter.result())

    edits = make_edits(job.options, rate)
    if job.options.trim_silence:
        with _another_pass(job) as decoding:
            edits = without_silent_ends(edits, job.options, plan, decoding.frames())
    return settle(edits, job.options, measure)


def _meter(job: Job) -> LoudnessMeter | None:
    return LoudnessMeter() if job.options.wants_loudness else None


def _report(
    job: Job, plan: Plan, source: SoundFacts, result: SoundFacts, lost: tuple[str, ...], drawings: Drawings
) -> ConversionReport:
    return ConversionReport(
        source=source,
        result=result,
        not_carried=(*told(source.damage), *plan.losses, *unreached(job.options, result.loudness), *lost),
        versions=versions(),
        source_waveform=drawings.of_source(),
        result_waveform=drawings.of_result(),
    )


def _encode(encoder: Encoder, plan: Plan, frames: Iterator[AudioFrame], peaks: PeakMeter | None = None) -> int:
    """Gives how many samples a channel went into the encoder.

    ``peaks`` sees these, where it is given: half the cost of seeing the decoder's, which are floats in small frames.
    """
    try:
        reshaper = Reshaper(plan, encoder.frame_samples)
        ready = chain(chain.from_iterable(map(reshaper.feed, frames)), reshaper.flush())
        for frame in ready:
            if peaks is not None:
                peaks.add(frame)
            encoder.encode(frame)
        encoder.finish()
    except BaseException:
        # Closed now, and not when it is forgotten: another try may be writing to the same path by then.
        encoder.abandon()
        raise
    return reshaper.sample_count


def _sound(source: Source, first: AudioFrame) -> Sound:
    return Sound(
        codec=codec_name(source),
        sample_rate=first.sample_rate,
        channels=first.layout.nb_channels,
        channel_layout=first.layout.name,
        sample_format=first.format.name,
        bit_depth=source.stream.codec_context.bits_per_raw_sample or None,
    )


def _declared_sound(source: Source) -> Sound:
    """As far as a copy must know it. A broken header leaves layout and sample format open until something is decoded."""
    context = source.stream.codec_context
    return Sound(
        codec=codec_name(source),
        sample_rate=context.sample_rate,
        channels=context.channels,
        channel_layout="",
        sample_format="",
        bit_depth=context.bits_per_raw_sample or None,
    )


def _progress(expected: float | None, on_progress: Callable[[float], None]) -> Callable[[float], None]:
    said_at = time.monotonic()

    def on_position(seconds: float) -> None:
        nonlocal said_at
        moment = time.monotonic()
        if expected and moment - said_at >= _REPORT_SECONDS:
            said_at = moment
            on_progress(_ENCODING_SHARE * min(1.0, seconds / expected))

    return on_position


@contextmanager
def _encoding_errors() -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, soundfile.SoundFileError, OSError) as error:
        raise _encoding_error(error) from error


def _encoding_error(error: Exception) -> ConversionError:
    if isinstance(error, MemoryError):
        raise error
    number = getattr(error, "errno", None)
    # libsndfile doesn't say which error of the system's it met; in a file that it writes none is about settings.
    is_systems = isinstance(error, soundfile.LibsndfileError) and error.code == _SNDFILE_SYSTEM_ERROR
    if number in (errno.ENOSPC, errno.EDQUOT) or is_systems:
        return ConversionError(FailureCode.STORAGE, "The storage is full.", retryable=True, detail_for_log=str(error))
    return ConversionError(
        FailureCode.UNSUITABLE_OPTIONS,
        "This sound can't be encoded with these settings.",
        detail_for_log=f"{type(error).__name__}: {error}",
    )
