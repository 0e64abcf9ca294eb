"""Keeps child processes running, and stops them in order."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from soundmill.cli.child import Child, ChildSpec, told_status
from soundmill.lifeline import CANNOT_START

_HEAD_START_SECONDS = 2.0
"""How long the others wait for those that stop first: the API stops listening at once, but answers what is under way."""
_AFTER_GRACE_SECONDS = 5.0
"""A worker gives its task back when its grace time is over; that takes a moment too."""
_READY_LOOK_SECONDS = 0.1
_LONG_SECONDS = 3600.0
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_KILLED_BY_HAND = 130


class Supervisor:
    """Single-threaded, so that its children can be told to die with it (:mod:`soundmill.lifeline`).

    A child that ends is started again after a pause that doubles while it dies young; one that ends with status 2 can't
    work as it is set up, and ends the whole. ``is_ready`` is asked until it is True, then ``on_ready`` is called once.
    ``say`` gets one line for people at each turn.
    """

    def __init__(
        self,
        children: Sequence[ChildSpec],
        *,
        drain: timedelta = timedelta(seconds=20),
        say: Callable[[str], None] = print,
        is_ready: Callable[[], bool] = lambda: True,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._children = [Child(spec) for spec in children]
        self._drain_seconds = drain.total_seconds()
        self._say = say
        self._is_ready = is_ready
        self._on_ready = on_ready
        self._ready = False
        self._stops_asked = 0
        self._status = 0

    def run(self) -> int:
        """Run until SIGTERM, SIGINT or SIGHUP, then drain. Gives the exit status: 0 after a clean end.

        Must be called in the main thread, since it handles signals.
        """
        with self._woken_by_signals() as woken:
            try:
                while not self._stops_asked and not self._status:
                    self._tend()
                    self._sleep(woken, self._seconds_to_next_turn())
                return self._stop(woken)
            finally:
                self._kill_all()

    def _tend(self) -> None:
        """Restart who is due, note who has ended, look whether all is ready."""
        for child in self._children:
            status = child.ended()
            if status == CANNOT_START:
                self._status = CANNOT_START  # it has said why
                return
            if status is not None:
                pause_seconds = child.schedule_restart()
                self._say(f"{child.spec.name} {told_status(status)}; starting it again in {pause_seconds:.1f} s")
            elif not child.running and child.due_at <= time.monotonic():
                child.start()
        if not self._ready and self._is_ready():
            self._ready = True
            self._on_ready()

    def _seconds_to_next_turn(self) -> float:
        if not self._ready:
            return _READY_LOOK_SECONDS
        due = [child.due_at - time.monotonic() for child in self._children if not child.running]
        return max(0.0, min(due, default=_LONG_SECONDS))

    def _stop(self, woken: int) -> int:
        """Ask those that stop first, soon after the others; kill what is left when the time is over."""
        self._say("stopping; running conversions may finish (once more to stop at once)")
        asked_before = self._stops_asked
        until = time.monotonic() + _HEAD_START_SECONDS + self._drain_seconds + _AFTER_GRACE_SECONDS
        first = [child for child in self._children if child.spec.stops_first]
        self._ask_to_stop(first)
        self._await_end(first, time.monotonic() + _HEAD_START_SECONDS, woken, asked_before)
        self._ask_to_stop([child for child in self._children if not child.spec.stops_first])
        self._await_end(self._children, until, woken, asked_before)
        if self._stops_asked > asked_before:
            return _KILLED_BY_HAND
        for child in self._children:
            if child.running:
                self._say(f"{child.spec.name} didn't stop in time and is killed")
        return self._status

    def _ask_to_stop(self, children: Sequence[Child]) -> None:
        for child in children:
            child.ask_to_stop()

    def _await_end(self, children: Sequence[Child], until: float, woken: int, asked_before: int) -> None:
        while self._stops_asked == asked_before and (left := until - time.monotonic()) > 0:
            for child in children:
                child.ended()
            if not any(child.running for child in children):
                return
            self._sleep(woken, left)

    def _kill_all(self) -> None:
        for child in self._children:
            child.kill()
        for child in self._children:
            while child.running and child.ended() is None:
                time.sleep(0.001)  # SIGKILL can't be refused: it is only a matter of moments

    def _sleep(self, woken: int, seconds: float) -> None:
        ready, _, _ = select.select([woken], [], [], seconds)
        if ready:
            os.read(woken, 4096)

    @contextmanager
    def _woken_by_signals(self) -> Iterator[int]:
        """A descriptor that becomes readable at each signal, so that none is missed between a look and the sleep."""
        readable, writable = os.pipe()
        os.set_blocking(writable, False)
        handlers = {number: signal.signal(number, self._note_stop) for number in _STOP_SIGNALS}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        previous = signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
        try:
            yield readable
        finally:
            signal.set_wakeup_fd(previous)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(readable)
            os.close(writable)

    def _note_stop(self, number: int, frame: object) -> None:
        self._stops_asked += 1
