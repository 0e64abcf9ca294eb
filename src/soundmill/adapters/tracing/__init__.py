"""Traces by OpenTelemetry, of the extra ``tracing``. Imported only where traces are wanted: it takes 0.28 s of processor time."""

from soundmill.adapters.tracing.provider import OpenTelemetryTracing

__all__ = ["OpenTelemetryTracing"]
