"""What keeps a conversion of hostile bytes harmless: limits, Landlock and seccomp, given up for good by the process itself."""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from soundmill.engine.job import Limits
from soundmill.engine.sandbox import landlock, seccomp

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38
_MOST_DESCRIPTORS = 64
# Address space, of which libraries take 280 MB; the rest holds a piece of sound in three forms.
_ENCODER_BYTES = 512 << 20
# FFmpeg numbers Ogg's streams and Matroska's tracks by it. Without it, it watches the clock for 0.2 s to find some numbers.
_RANDOMNESS = Path("/dev/urandom")


def gaps() -> tuple[str, ...]:
    """What this system can't do to confine a conversion, in words; empty when all is there."""
    if sys.platform != "linux":
        return (f"{sys.platform} has neither Landlock nor seccomp",)
    missing = []
    if not landlock.abi_version():
        missing.append("the kernel has no Landlock (5.13 or newer, with “landlock” among its security modules)")
    if not seccomp.is_available():
        missing.append("the kernel or this processor has no seccomp filter that soundmill knows")
    return tuple(missing)


def die_with_parent(parent: int) -> None:
    """Be killed when process ``parent`` ends, however it ends. Exits at once when it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that none is left waiting for somebody who takes note."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def close_all_but(*kept: int) -> None:
    """Keep these descriptors, and the log. What a process has open it can use, however confined, and ends of others' pipes keep those from noticing an end."""
    start = 3
    for each in (*sorted(kept), os.sysconf("SC_OPEN_MAX")):
        os.closerange(start, each)
        start = each + 1


def confine(sources: Iterable[Path], directory: Path, limits: Limits) -> None:
    """Give up everything but reading ``sources`` and random numbers, and working inside ``directory``, within ``limits``. Can't be undone.

    Raises ``OSError`` when the system refuses what it said it could.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _MOST_DESCRIPTORS)
    _limit(resource.RLIMIT_FSIZE, limits.output_bytes)
    _limit_processor_time(limits.cpu)
    _limit(resource.RLIMIT_AS, limits.memory_bytes)
    # Python ignores this signal; its default tells the server plainly why the process ended.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    _give_up((*sources, _RANDOMNESS), directory)


def confine_encoder(limits: Limits, encoders: int, output_bytes: int = 0) -> None:
    """Give up everything but what is open, as one of so many ``encoders`` of a conversion. Can't be undone.

    They share its processor time, and no other file is left to any; one that is open may grow to ``output_bytes``. Raises ``OSError``
    like :func:`confine`.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _MOST_DESCRIPTORS)
    _limit(resource.RLIMIT_FSIZE, output_bytes)
    _limit_processor_time(limits.cpu / encoders)
    _limit(resource.RLIMIT_AS, min(limits.memory_bytes, _ENCODER_BYTES))
    _give_up((), None)


def allow_processor_time(most: timedelta) -> None:
    """Let this process use so much more before it is ended as :func:`confine` says; never more than that allowed it in all."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(time.process_time() + most.total_seconds())
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


@contextmanager
def dying_after(processor_time: timedelta) -> Iterator[None]:
    """End this process with ``SIGVTALRM`` when what is inside takes longer: C code can't be interrupted otherwise."""
    signal.setitimer(signal.ITIMER_VIRTUAL, processor_time.total_seconds())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _give_up(sources: Iterable[Path], directory: Path | None) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if landlock.abi_version():
            landlock.restrict_to(sources, directory)
        if seccomp.is_available():
            seccomp.refuse_dangerous_calls()


def _limit_processor_time(most: timedelta) -> None:
    # The soft limit ends it with SIGXCPU, which says why; at the hard one there is only SIGKILL.
    _limit(resource.RLIMIT_CPU, max(1, round(most.total_seconds())), grace=5)


def _limit(kind: int, value: int, grace: int = 0) -> None:
    _, hard = resource.getrlimit(kind)
    most = value + grace if hard == resource.RLIM_INFINITY else min(value + grace, hard)
    resource.setrlimit(kind, (min(value, most), most))
