"""What is found out before the encoding stays known when that begins again."""

from __future__ import annotations

from pathlib import Path

from soundmill.engine.conversion.beforehand import Beforehand
from soundmill.engine.conversion.passes import Passes
from soundmill.engine.job import Job
from soundmill.engine.plan import Sound, make_plan
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.sounds import RATE, music, write


def test_a_loudness_is_measured_once(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", music(2.0))
    options = ConversionOptions(loudness=-16)
    job = Job(source, tmp_path, FORMATS["mp3"], options)
    plan = make_plan(Sound("pcm_s16le", RATE, 2, "stereo", "s16"), job.target, options)
    beforehand = Beforehand(job, Passes(job, lambda fraction: None))
    found = beforehand.edits(plan, RATE)
    source.unlink()
    assert found is not None
    assert beforehand.edits(plan, RATE) == found
