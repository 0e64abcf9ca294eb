"""A conversion as its process tells it: progress, and a report or a failure at its end."""

from __future__ import annotations

from collections.abc import Callable

from soundmill.engine.conversion.convert import convert
from soundmill.engine.job import Job
from soundmill.engine.parallel.crew import Crew
from soundmill.engine.processes.forked import Say
from soundmill.engine.sandbox.deaths import out_of_memory
from soundmill.model.conversion import ConversionError, FailureCode


def convert_and_tell(job: Job, say: Say, confined: Callable[[], Crew | None] = lambda: None) -> None:
    """Convert in this process, which is ``confined`` first where it isn't yet, with the crew that was forked before, if any."""
    try:
        report = convert(job, lambda fraction: say({"progress": fraction}), confined())
    except ConversionError as error:
        _tell(error, say)
    except MemoryError:
        _tell(out_of_memory(), say)
    except OSError as error:
        # Whoever deletes a task takes its source away at any moment.
        if all(each.exists() for each in job.sources):
            raise
        sentence = "The file is no longer in the storage."
        _tell(ConversionError(FailureCode.STORAGE, sentence, retryable=True, detail_for_log=str(error)), say)
    else:
        say({"report": report.as_dict()})


def _tell(error: ConversionError, say: Say) -> None:
    failure = error.failure
    told = {"code": failure.code, "message": failure.message, "retryable": failure.retryable}
    say({"failure": {**told, "detail": error.detail_for_log}})
