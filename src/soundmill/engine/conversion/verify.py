"""Nothing is called processed that was not read again to its end and found right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from soundmill.engine.comparing.facts import Decoded, sound_facts
from soundmill.engine.comparing.listener import Listener
from soundmill.engine.conversion.passes import OnPosition
from soundmill.engine.conversion.tolerance import tolerance_for
from soundmill.engine.job import Limits
from soundmill.engine.parallel.crew import Crew
from soundmill.engine.parallel.hearing import Print, can_be_heard_in_stretches, hear
from soundmill.engine.pcm.loudness import Meter
from soundmill.engine.pcm.sound_sum import SoundSum
from soundmill.engine.plan import Plan
from soundmill.engine.reading.decode import Decoding
from soundmill.engine.reading.source import Source, open_source
from soundmill.engine.tags.about import About, read_about
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.formats import TargetFormat
from soundmill.model.sound import SoundFacts


@dataclass(frozen=True, slots=True)
class Listeners:
    """Implements :class:`Listener` with one that knows more, if there is one, and else with a crew that decodes.

    ``prints`` are what the crew must hear where the format is lossless.
    """

    crew: Crew
    prints: Sequence[Print] = ()
    knowing: Listener | None = None

    def hear(self, result: Source) -> Decoded | None:
        """See :class:`Listener`."""
        heard = None if self.knowing is None else self.knowing.hear(result)
        if heard is not None:
            return heard
        if not can_be_heard_in_stretches(result):
            return None
        with open_source(result.path) as anew:
            return hear(anew, self.crew, self.prints)


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a result before it is looked at.

    So many ``samples`` a channel went into the encoder, of which a lossless one must give back the ``sum``; a ``listener`` may know a
    shorter way than to decode it.
    """

    samples: int
    sum: SoundSum | None = None
    listener: Listener | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """What a fresh look at the result found."""

    facts: SoundFacts
    about: About


def verify(
    path: Path,
    target: TargetFormat,
    plan: Plan,
    expected: Expected,
    limits: Limits,
    meter: Meter | None,
    on_position: OnPosition = lambda seconds: None,
) -> Verified:
    """Hear the result to its end and compare it with the plan and with what is ``expected``. ``meter`` hears it on the way, if there is one.

    ``on_position`` gets the seconds heard so far, where they are heard one after the other.

    Raises ``ConversionError`` with ``VERIFICATION_FAILED`` and what was wrong in the log.
    """
    try:
        found = None
        if expected.listener is not None and expected.sum is None and meter is None:
            found = _heard(path, expected.listener)
        if found is None:
            found = _decoded(path, limits, meter, expected.sum, on_position)
    except ConversionError as error:
        raise _failed(f"it doesn't decode: {error.message} {error.detail_for_log}") from error
    _compare(target, plan, expected.samples, found.facts)
    return found


def _heard(path: Path, listener: Listener) -> Verified | None:
    with open_source(path) as result:
        about = read_about(path, result)
        heard = listener.hear(result)
        return None if heard is None else Verified(sound_facts(path, result, heard, about), about)


def _decoded(
    path: Path, limits: Limits, meter: Meter | None, encoded: SoundSum | None, on_position: OnPosition
) -> Verified:
    with open_source(path) as result:
        about = read_about(path, result)
        decoding = Decoding(result, limits.decoded * 2, meter)
        found = SoundSum()
        for frame in decoding.frames(on_position):
            if encoded is not None:
                found.add(frame)
        if encoded not in (None, found):
            raise _failed("it has other samples than were encoded")
        return Verified(sound_facts(path, result, decoding, about), about)


def check_edited(planned: int, edited: int) -> None:
    """Exactly as many samples must come out of the edits as follow from the options. Raises like :func:`verify`."""
    if planned != edited:
        raise _failed(f"{edited} samples after editing instead of {planned}")


def _compare(target: TargetFormat, plan: Plan, encoded_samples: int, facts: SoundFacts) -> None:
    if not facts.codec.startswith(target.codec):
        raise _failed(f"codec {facts.codec} instead of {target.codec}")
    # Opus is always decoded at 48 kHz (RFC 7845, section 5.1).
    rate = 48_000 if target.codec == "opus" else plan.sample_rate
    if (facts.sample_rate, facts.channels) != (rate, plan.channels):
        raise _failed(f"{facts.sample_rate} Hz, {facts.channels} channels instead of {rate} Hz, {plan.channels}")
    expected = encoded_samples * rate // plan.sample_rate
    if not tolerance_for(target.name, plan.channels).allows(expected, facts.sample_count):
        raise _failed(f"{facts.sample_count} samples instead of {expected}")


def _failed(detail: str) -> ConversionError:
    return ConversionError(
        FailureCode.VERIFICATION_FAILED,
        "The result was not what it should be, so it was thrown away.",
        retryable=True,
        detail_for_log=detail,
    )
