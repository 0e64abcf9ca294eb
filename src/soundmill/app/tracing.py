"""Are traces wanted? As OpenTelemetry's environment variables say; without them nothing of it is even imported."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import structlog

from soundmill.service.ports import Board, Converter

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

_log = structlog.get_logger()


class Tracing(Protocol):
    """Follows a request over the broker to its conversion."""

    @property
    def provider(self) -> Any:
        """OpenTelemetry's ``TracerProvider``, for what makes spans of its own; ``None`` when there are no traces."""
        ...

    def headers(self) -> dict[str, str]:
        """The current span for another process (W3C Trace Context); none outside a span."""
        ...

    def traceparent(self) -> str | None:
        """That span's alone, to be kept in a row."""
        ...

    def received(self, queue: str, headers: Mapping[str, str]) -> AbstractContextManager[None]:
        """A span while a message is worked off, below the one that sent it."""
        ...

    def follow(self, board: Board, converter: Converter) -> tuple[Board, Converter]:
        """What a worker works with, with a span for each attempt."""
        ...

    def flush(self) -> None:
        """Before a process ends: send what is left."""
        ...


class Untraced:
    """There are no traces: see :class:`Tracing`."""

    provider = None

    def headers(self) -> dict[str, str]:
        """None."""
        return {}

    def traceparent(self) -> str | None:
        """None."""
        return None

    def received(self, queue: str, headers: Mapping[str, str]) -> AbstractContextManager[None]:
        """Nothing."""
        return nullcontext()

    def follow(self, board: Board, converter: Converter) -> tuple[Board, Converter]:
        """As they are."""
        return board, converter

    def flush(self) -> None:
        """Nothing is left."""


def tracing_by(environment: Mapping[str, str]) -> Tracing:
    """Traces, if the environment says where they go and the extra is installed."""
    if not _is_wanted(environment):
        return Untraced()
    try:
        from soundmill.adapters.tracing import OpenTelemetryTracing
    except ImportError as error:
        _log.warning("no traces: install soundmill[tracing]", detail=str(error))
        return Untraced()
    return OpenTelemetryTracing()


def _is_wanted(environment: Mapping[str, str]) -> bool:
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    is_ours = environment.get("OTEL_TRACES_EXPORTER") or "otlp"
    return is_ours == "otlp" and any(environment.get(name) for name in _ENDPOINTS)
