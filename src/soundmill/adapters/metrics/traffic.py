"""What an API answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class TrafficFigures:
    """Of all processes of one API."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Histogram(
            "soundmill_http_request_seconds",
            "From the request's head to the answer's: with an upload's bytes, without a download's",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._upload_bytes = Counter(
            "soundmill_upload_bytes", "Bytes of the files that were accepted", registry=registry
        )
        self._refusals = Counter(
            "soundmill_refusals", "Requests that were refused, by the problem's code", ["code"], registry=registry
        )
        self._held = Gauge(
            "soundmill_held_requests",
            "Requests that wait for a task (wait) or listen to events (events) now",
            ["kind"],
            registry=registry,
            multiprocess_mode="livesum",
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was. ``route`` is the template, not the path."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).observe(seconds)

    def uploaded(self, size_bytes: int) -> None:
        """A file was accepted."""
        self._upload_bytes.inc(size_bytes)

    def refused(self, code: str) -> None:
        """A request was, with one of the codes of :mod:`soundmill.model.errors`."""
        self._refusals.labels(code).inc()

    @contextmanager
    def held(self, kind: str) -> Iterator[None]:
        """Meanwhile one more is."""
        gauge = self._held.labels(kind)
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()
