"""The processes of the mills in this process, which has other children too: databases of other tests, for example."""

from __future__ import annotations

import psutil

from tests.processes import below, runs


def servers() -> list[psutil.Process]:
    """The warm servers."""
    return [each for each in psutil.Process().children() if is_server(each)]


def conversions() -> list[psutil.Process]:
    """What runs below them."""
    return [each for server in servers() for each in below(server)]


def is_server(process: psutil.Process) -> bool:
    """True for a warm one."""
    return runs(process, "soundmill.engine.serving.server")
