"""The HTTP API: parse, call one use case, shape the answer."""

from soundmill.api.application import create_application

__all__ = ["create_application"]
