"""A span for each request, by OpenTelemetry's own instrumentation of Flask; where traces are wanted."""

from __future__ import annotations

from apiflask import APIFlask

from soundmill.app import App

# A span each few hundred milliseconds that tells nothing.
_NOT_FOLLOWED = r"/health,/metrics,/progress$"


def trace_requests(app: APIFlask, wired: App) -> None:
    """To be called last, so that whatever answers in its stead is followed, too."""
    if (provider := wired.tracing.provider) is None:
        return
    from opentelemetry.instrumentation.flask import FlaskInstrumentor

    # Its comments for SQL leave a context behind in the thread of each request.
    options = {"tracer_provider": provider, "excluded_urls": _NOT_FOLLOWED, "enable_commenter": False}
    FlaskInstrumentor.instrument_app(app, **options)  # type: ignore[no-untyped-call]
