"""Where spans begin and go, and how a trace is carried from process to process: as W3C Trace Context."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from soundmill import __version__
from soundmill.adapters.tracing.worker import TRACE_CONTEXT, FollowedBoard, FollowedConverter
from soundmill.service.ports import Board, Converter

_FLUSH_MILLISECONDS = 5_000


class OpenTelemetryTracing:
    """Sends spans by OTLP over HTTP, in the background, as the standard's environment variables say (``OTEL_…``)."""

    def __init__(self) -> None:
        own = Resource.create({"service.name": "soundmill", "service.version": __version__})
        # What the environment says goes before.
        self.provider = TracerProvider(resource=own.merge(OTELResourceDetector().detect()))
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self.provider.get_tracer("soundmill", __version__)

    def headers(self) -> dict[str, str]:
        """The current span for another process: ``traceparent`` and ``tracestate``; none outside a span."""
        carrier: dict[str, str] = {}
        TRACE_CONTEXT.inject(carrier)
        return carrier

    def traceparent(self) -> str | None:
        """That of :meth:`headers`."""
        return self.headers().get("traceparent")

    @contextmanager
    def received(self, queue: str, headers: Mapping[str, str]) -> Iterator[None]:
        """A span while a message of ``queue`` is worked off, below the one that sent it."""
        sent = TRACE_CONTEXT.extract(headers)
        name, messaging = f"process {queue}", {"messaging.system": "celery", "messaging.destination.name": queue}
        with self._tracer.start_as_current_span(name, sent, SpanKind.CONSUMER, messaging):
            yield

    def follow(self, board: Board, converter: Converter) -> tuple[Board, Converter]:
        """The same for one worker, with a span for each attempt and its conversion."""
        followed = FollowedBoard(board, self._tracer)
        return followed, FollowedConverter(converter, self._tracer, followed)

    def flush(self) -> None:
        """Send what is left; waits for some seconds at most."""
        self.provider.force_flush(_FLUSH_MILLISECONDS)
