"""The processes of the mills in this process, which has other children too: databases of other tests, for example."""

from __future__ import annotations

import psutil


def servers() -> list[psutil.Process]:
    """The warm servers."""
    return [each for each in psutil.Process().children() if is_server(each)]


def conversions() -> list[psutil.Process]:
    """What runs below them."""
    return [each for server in servers() for each in server.children(recursive=True)]


def is_server(process: psutil.Process) -> bool:
    """True for a warm one."""
    try:
        return "soundmill.engine.server" in process.cmdline()
    except psutil.NoSuchProcess:
        return False
