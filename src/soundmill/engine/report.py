"""What is said of a conversion that is done."""

from __future__ import annotations

import platform
from typing import Any

import av
import soundfile

from soundmill import __version__
from soundmill.engine.job import Job
from soundmill.engine.peaks import Drawings
from soundmill.engine.plan import Plan
from soundmill.engine.salvage import told
from soundmill.engine.survey import unreached
from soundmill.model.sound import ConversionReport, SoundFacts


def made_report(
    job: Job, plan: Plan, source: SoundFacts, result: SoundFacts, lost: tuple[str, ...], drawings: Drawings
) -> ConversionReport:
    """Of a verified result; ``lost`` is what it has no place for."""
    return ConversionReport(
        source=source,
        result=result,
        not_carried=(*told(source.damage), *plan.losses, *unreached(job.options, result.loudness), *lost),
        versions=_versions(),
        settings=_settings(plan),
        source_waveform=drawings.of_source(),
        result_waveform=drawings.of_result(),
    )


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
        "quality": plan.quality,
        "dither": plan.dither,
    }
    return {name: value for name, value in told.items() if value not in (None, "")}


def _versions() -> dict[str, str]:
    """Of everything that had a part in a result."""
    return {
        "soundmill": __version__,
        "ffmpeg": av.ffmpeg_version_info,
        "libsndfile": soundfile.__libsndfile_version__,
    }


def build() -> str:
    """What encodes here: PyAV's wheels bring their own encoders, whose arithmetic is the processor's, too."""
    named = {**_versions(), "pyav": av.__version__}
    return ", ".join([*(f"{name} {version}" for name, version in named.items()), platform.machine()])
