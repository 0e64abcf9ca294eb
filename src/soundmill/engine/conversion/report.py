"""What is said of a conversion that is done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from soundmill.engine.conversion.survey import unreached
from soundmill.engine.job import Job
from soundmill.engine.pcm.crowds import MOST_NAMED
from soundmill.engine.pcm.layouts import is_nameless
from soundmill.engine.pcm.peaks import Drawings
from soundmill.engine.plan import Plan
from soundmill.engine.reading.salvage import told
from soundmill.engine.versions import versions
from soundmill.model.sound import ConversionReport, SoundFacts

# Names of tags may be megabytes, each.
_LONGEST_TOLD = 300


def made_report(
    job: Job, plan: Plan, source: SoundFacts, result: SoundFacts, lost: tuple[str, ...], drawings: Drawings
) -> ConversionReport:
    """Of a verified result; ``lost`` is what it has no place for."""
    told_of = (
        *told(source.damage),
        *plan.losses,
        *_unnamed(job, plan, result),
        *unreached(job.options, result.loudness),
        *lost,
    )
    return ConversionReport(
        source=source,
        result=result,
        not_carried=tuple(each if len(each) <= _LONGEST_TOLD else each[: _LONGEST_TOLD - 1] + "…" for each in told_of),
        versions=versions(),
        settings=_settings(plan),
        source_waveform=drawings.of_source(),
        result_waveform=drawings.of_result(),
    )


def _unnamed(job: Job, plan: Plan, result: SoundFacts) -> Iterator[str]:
    """Names of loudspeakers that the container can't say: WAV and AIFF know 18 of them."""
    if plan.channels > MOST_NAMED and is_nameless(result.channel_layout) and not is_nameless(plan.channel_layout):
        yield f"{plan.channel_layout} layout ({job.target.title} gets {result.channel_layout})"


def _settings(plan: Plan) -> dict[str, Any]:
    told = {
        "encoder": plan.encoder,
        "muxer": plan.muxer,
        "sampleRate": plan.sample_rate,
        "channels": plan.channels,
        "channelLayout": plan.channel_layout,
        "sampleFormat": plan.sample_format,
        "bitDepth": plan.raw_bits,
        "bitRate": plan.bit_rate,
        "bitRateMode": plan.bit_rate_mode,
        "quality": plan.quality,
        "dither": plan.dither,
    }
    return {name: value for name, value in told.items() if value not in (None, "")}
