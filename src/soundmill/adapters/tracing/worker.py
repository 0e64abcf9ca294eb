"""An attempt as a span in the trace of the request that asked for it, from the claim to its last word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from soundmill.model.conversion import Failure
from soundmill.model.errors import StaleAttempt, Unreachable
from soundmill.model.formats import TargetFormat
from soundmill.model.helping import Helpers
from soundmill.model.options import ConversionOptions
from soundmill.model.sound import ConversionReport
from soundmill.model.tasks import Assignment, Attempt
from soundmill.service.ports import Board, Converter, LocalSource, StoredFile

TRACE_CONTEXT = TraceContextTextMapPropagator()
"""How a trace is written down: W3C Trace Context."""


class FollowedBoard:
    """The :class:`~soundmill.service.ports.Board` of one worker. Its words are said within the attempt's span; progress isn't, for it comes too often."""

    def __init__(self, board: Board, tracer: Tracer) -> None:
        self._board = board
        self._tracer = tracer
        self._attempt: Attempt | None = None
        self._span: Span | None = None

    def claim(self, owner: str, task_id: int | None = None) -> Assignment | None:
        """See the port."""
        assignment = self._board.claim(owner, task_id)
        if assignment is not None and assignment.attempt != self._attempt:  # given again: see the port
            self._end("lost")
            self._begin(assignment)
        return assignment

    def progress(self, attempt: Attempt, fraction: float) -> None:
        """See the port."""
        with self._heard():
            self._board.progress(attempt, fraction)

    def processed(self, attempt: Attempt, result: StoredFile, report: ConversionReport) -> None:
        """See the port."""
        with self._heard(), self.inside():
            self._board.processed(attempt, result, report)
        self._end("processed")

    def failed(self, attempt: Attempt, failure: Failure) -> None:
        """See the port."""
        with self._heard(), self.inside():
            self._board.failed(attempt, failure)
        self._end("failed", failure)

    def release(self, attempt: Attempt) -> None:
        """See the port."""
        with self._heard(), self.inside():
            self._board.release(attempt)
        self._end("released")

    def inside(self) -> AbstractContextManager[object]:
        """What is done meanwhile belongs to the attempt."""
        return trace.use_span(self._span) if self._span else nullcontext()

    def _begin(self, assignment: Assignment) -> None:
        asked = TRACE_CONTEXT.extract({"traceparent": assignment.traceparent or ""})
        woken = trace.get_current_span().get_span_context()
        self._attempt = assignment.attempt
        self._span = self._tracer.start_span(
            "convert",
            # A task of a request that wasn't traced: its trace is the message's that woke us, if any.
            asked if assignment.traceparent else None,
            SpanKind.CONSUMER,
            {
                "soundmill.task": assignment.attempt.task_id,
                "soundmill.attempt": assignment.attempt.number,
                "soundmill.source_format": assignment.source_format,
                "soundmill.new_format": assignment.new_format,
            },
            links=[Link(woken)] if woken.is_valid else None,
        )

    @contextmanager
    def _heard(self) -> Iterator[None]:
        try:
            yield
        except StaleAttempt:
            self._end("stale")
            raise
        except Unreachable:
            self._end("unheard")
            raise

    def _end(self, outcome: str, failure: Failure | None = None) -> None:
        # The thread that renews the lease may hear of the end, too.
        span, self._span = self._span, None
        if span is None:
            return
        span.set_attribute("soundmill.outcome", outcome)
        if failure is not None:
            span.set_attribute("error.type", str(failure.code))
            span.set_status(Status(StatusCode.ERROR, failure.message))
        span.end()


class FollowedConverter:
    """A :class:`~soundmill.service.ports.Converter` whose work is a span of the attempt's."""

    def __init__(self, converter: Converter, tracer: Tracer, board: FollowedBoard) -> None:
        self._converter = converter
        self._tracer = tracer
        self._board = board

    @property
    def build(self) -> str:
        """See the port."""
        return self._converter.build

    def convert(
        self,
        sources: Sequence[LocalSource],
        directory: Path,
        target: TargetFormat,
        options: ConversionOptions,
        on_tick: Callable[[float], bool],
        helpers: Helpers | None = None,
        account: str = "",
    ) -> tuple[Path, ConversionReport]:
        """See the port."""
        with self._board.inside(), self._tracer.start_as_current_span("engine"):
            return self._converter.convert(sources, directory, target, options, on_tick, helpers, account)

    def encode_piece(self, piece: Path, answer: Path, on_tick: Callable[[float], bool]) -> None:
        """See the port. It belongs to another's attempt, which is followed there."""
        self._converter.encode_piece(piece, answer, on_tick)
