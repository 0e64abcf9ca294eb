"""The engine by the settings."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import timedelta

from soundmill.engine import Limits, Mill
from soundmill.settings import Settings


def open_mill(settings: Settings) -> Mill:
    """A warm engine. Raises ``ConfigurationError`` where conversions can't be confined and that isn't allowed."""
    return Mill(allow_weak_sandbox=settings.allow_weak_sandbox, one_process_per_file=settings.one_process_per_file)


def worker_name() -> str:
    """What this process calls itself. A container that is started again often has the same process id: what an owner holds must not be another's."""
    return f"{socket.gethostname()[:64]}:{os.getpid()}:{secrets.token_hex(4)}"


def conversion_limits(settings: Settings) -> Limits:
    """What one conversion may use."""
    return Limits(
        memory_bytes=settings.conversion_memory,
        cpu=timedelta(seconds=settings.conversion_cpu),
        wall=timedelta(seconds=settings.conversion_wall),
        output_bytes=settings.conversion_output,
        decoded=timedelta(hours=settings.conversion_hours),
    )
