"""Several passes over one sound, told as one progress from 0 to 1."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from soundmill.engine.job import Job

type OnPosition = Callable[[float], None]
"""Gets the seconds of the sound that are done."""

_REPORT_SECONDS = 0.25
# Of what is left when it begins. Nobody knows how many there will be: a limiter takes up to two more.
_SURVEY_SHARE = 0.3
# What was encoded is mostly known already where it is looked at again; else all of it is decoded once more.
_VERIFYING_SHARE, _DECODING_SHARE = 0.05, 0.25


class Passes:
    """Surveys, if any, then one that encodes, then one that verifies."""

    def __init__(self, job: Job, on_progress: Callable[[float], None]) -> None:
        """``on_progress`` gets 0 to 1, a few times a second."""
        self._on_progress = on_progress
        self._done = 0.0
        is_decoded_again = job.options.wants_loudness or job.options.is_split
        self._encoded_at = 1 - (_DECODING_SHARE if is_decoded_again else _VERIFYING_SHARE)

    @contextmanager
    def survey(self, expected_seconds: float | None) -> Iterator[OnPosition]:
        """One that is needed before the sound can be encoded."""
        begin = self._done
        end = begin + _SURVEY_SHARE * (self._encoded_at - begin)
        yield _throttled(expected_seconds, lambda share: self._on_progress(begin + share * (end - begin)))
        self._done = end

    def encoding(
        self, expected_seconds: float | None, on_share: Callable[[float], None] = lambda share: None
    ) -> OnPosition:
        """The one that encodes; surveys may still come after this call. ``on_share`` gets how much of this pass alone is done."""

        def on_progress(share: float) -> None:
            on_share(share)
            self._on_progress(self._done + share * (self._encoded_at - self._done))

        return _throttled(expected_seconds, on_progress)

    def verifying(self, expected_seconds: float) -> OnPosition:
        """The last one."""
        rest = 1 - self._encoded_at
        return _throttled(expected_seconds, lambda share: self._on_progress(self._encoded_at + share * rest))


def behind(on_position: OnPosition, before: float) -> OnPosition:
    """For a sound that follows on ``before`` seconds of others."""
    return lambda seconds: on_position(before + seconds)


def _throttled(expected_seconds: float | None, on_share: Callable[[float], None]) -> OnPosition:
    said_at = time.monotonic()

    def on_position(seconds: float) -> None:
        nonlocal said_at
        moment = time.monotonic()
        if expected_seconds and moment - said_at >= _REPORT_SECONDS:
            said_at = moment
            on_share(min(1.0, seconds / expected_seconds))

    return on_position
