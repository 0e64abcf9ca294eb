"""A conversion as its process tells it: progress, and a report or a failure at its end."""

from __future__ import annotations

from typing import Any

from soundmill.engine.conversion.convert import convert
from soundmill.engine.job import Job
from soundmill.engine.parallel.crew import Crew
from soundmill.engine.processes.forked import Say
from soundmill.engine.sandbox.deaths import out_of_memory
from soundmill.model.conversion import ConversionError


def convert_and_tell(job: Job, say: Say, crew: Crew | None = None) -> None:
    """Convert in this process, which is confined, with a ``crew`` where there is one."""
    try:
        report = convert(job, lambda fraction: say({"progress": fraction}), crew)
    except ConversionError as error:
        say({"failure": {**_failure(error), "detail": error.detail_for_log}})
    except MemoryError:
        say({"failure": _failure(out_of_memory())})
    else:
        say({"report": report.as_dict()})


def _failure(error: ConversionError) -> dict[str, Any]:
    failure = error.failure
    return {"code": failure.code, "message": failure.message, "retryable": failure.retryable}
