"""What takes passes of their own over a source before its sound can be encoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from av.audio.frame import AudioFrame

from soundmill.engine.conversion.passes import Passes
from soundmill.engine.conversion.pauses import pieces_between_pauses
from soundmill.engine.conversion.survey import Surveyed, settle
from soundmill.engine.job import Job
from soundmill.engine.pcm.loudness import LoudnessMeter
from soundmill.engine.plan import Plan
from soundmill.engine.reading.decode import Decoding
from soundmill.engine.reading.source import Source, open_source
from soundmill.engine.shaping.edit import Editor, Edits, make_edits
from soundmill.engine.shaping.silent_ends import without_silent_ends

if TYPE_CHECKING:
    from av.container.core import Chapter  # in PyAV's stubs only


def open_for(job: Job) -> Source:
    """The source of ``job``, from its begin."""
    return open_source(job.source, job.options.audio_stream, although_damaged=job.options.salvages)


class Beforehand:
    """It is found out once, however often the encoding begins again."""

    def __init__(self, job: Job, passes: Passes) -> None:
        """Nothing is read yet."""
        self._job, self._passes = job, passes
        self._edits: Edits | None = None

    def edits(self, plan: Plan, rate: int) -> Edits | None:
        """Those that the options ask for, of a source at ``rate``; None where they leave the sound alone."""
        if self._edits is None and self._job.options.edits_sound:
            self._edits = self._settled(plan, rate)
        return self._edits

    def pieces_between_pauses(self, edits: Edits, plan: Plan) -> list[Chapter]:
        """See :func:`soundmill.engine.conversion.pauses.pieces_between_pauses`."""
        with self._pass() as frames:
            return pieces_between_pauses(edits, self._job.options, plan, frames)

    def _settled(self, plan: Plan, rate: int) -> Edits:
        options = self._job.options

        def measure(edits: Edits) -> Surveyed:
            meter = LoudnessMeter()
            editor = Editor(edits, plan)
            with self._pass() as frames:
                for frame in editor.edited(frames):
                    meter.add(frame)
            return Surveyed(editor.source_samples, meter.result())

        edits = make_edits(options, rate)
        if options.trim_silence:
            with self._pass() as frames:
                edits = without_silent_ends(edits, options, plan, frames)
        return settle(edits, options, measure)

    @contextmanager
    def _pass(self) -> Iterator[Iterator[AudioFrame]]:
        with open_for(self._job) as source, self._passes.survey(source.expected_seconds) as on_position:
            decoding = Decoding(source, self._job.limits.decoded, salvages=self._job.options.salvages)
            yield decoding.frames(on_position)
